package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// taken is a blob that is open, until nothing has come of it for hashPatience.
type taken struct {
	blob.Content

	life    context.Context // of all that is read
	ctx     context.Context
	end     context.CancelFunc
	silence *time.Timer
}

func (v *verified) take(sum string) (*taken, error) {
	c := &taken{life: v.life}
	c.ctx, c.end = context.WithCancel(v.life)
	c.silence = time.AfterFunc(hashPatience, c.end)
	var err error
	if c.Content, err = v.open(c.ctx, sum); err != nil {
		err = c.silent(err)
		c.silence.Stop()
		c.end()
		return nil, err
	}
	return c, nil
}

func (c *taken) close() {
	c.silence.Stop()
	_ = c.Close() //nolint:errcheck // only read
	c.end()
}

func (c *taken) compare(sum string) error {
	h := sha256.New()
	_, err := io.Copy(h, &stoppable{c.ctx, io.NewSectionReader(c, 0, c.Size), c.silence})
	switch {
	case err != nil:
		return fmt.Errorf("read the blob %s: %w", sum, c.silent(err))
	case hex.EncodeToString(h.Sum(nil)) != sum:
		return fmt.Errorf("%w: %s", errDamagedBlob, sum)
	}
	return nil
}

// silent is an error, or that nothing came if that is why.
func (c *taken) silent(err error) error {
	if c.life.Err() == nil && c.ctx.Err() != nil {
		return fmt.Errorf("nothing came for %s: %w", hashPatience, blob.ErrAway)
	}
	return err
}

// stoppable ends a long read, also one of which nothing comes.
type stoppable struct {
	ctx     context.Context
	r       io.Reader
	silence *time.Timer
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	s.silence.Reset(hashPatience)
	return s.r.Read(b)
}
