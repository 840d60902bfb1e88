package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// errDamagedBlob: the disk gives other bytes than were put there.
var errDamagedBlob = errors.New("the blob is damaged")

const (
	verifiedFor  = 10 * time.Minute // what was read in parts is not hashed for each part
	unheardFor   = time.Minute      // that a blob is damaged, where nobody has waited to hear it
	mostVerified = 1024
	// Of blobs above hashedAtOnce only so many are hashed at a time: one takes seconds, and
	// the processor has others to serve.
	hashedAtOnce = 16 << 20
	mostHashed   = 4
	// hashPatience is how long nothing may come of a blob, which may be another server's.
	hashPatience = time.Minute
)

// verified hashes blobs before they are shown to those who do not compare the SHA-256
// themselves, as browsers; clients of ours and agents do. A blob is hashed once for all who
// ask at a time, and on when they have gone: a large one takes longer than proxies and
// browsers wait for the first byte, and who comes again finds it done.
type verified struct {
	open func(ctx context.Context, sum string) (blob.Content, error)
	room chan struct{} // has one for each large blob that is being hashed
	life context.Context
	end  context.CancelFunc

	mu sync.Mutex
	of map[string]*hashing
}

// hashing is the look at one blob, under way or done. The mutex of verified guards it.
type hashing struct {
	askers   int
	begun    bool
	unwanted chan struct{} // closed where all have gone before it has begun
	done     chan struct{}
	err      error     // once done
	until    time.Time // how long that is believed; zero: it is not done
}

func newVerified(blobs Blobs) *verified {
	v := &verified{open: blobs.Open, room: make(chan struct{}, mostHashed), of: map[string]*hashing{}}
	v.life, v.end = context.WithCancel(context.Background())
	return v
}

// check reads all of a blob of that size, unless that was done a moment ago. Errors:
// errDamagedBlob, those of Open.
func (v *verified) check(ctx context.Context, sum string, size int64) error {
	h := v.ask(sum, size)
	defer v.leave(sum, h)
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *verified) ask(sum string, size int64) *hashing {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, now := v.of[sum], time.Now()
	if h == nil || h.over(now) {
		v.makeRoom(now)
		h = &hashing{unwanted: make(chan struct{}), done: make(chan struct{})}
		v.of[sum] = h
		go v.hash(sum, size, h)
	}
	h.askers++
	return h
}

func (h *hashing) over(now time.Time) bool { return !h.until.IsZero() && !now.Before(h.until) }

// makeRoom forgets what is done, where that is too much.
func (v *verified) makeRoom(now time.Time) {
	if len(v.of) < mostVerified {
		return
	}
	for sum, h := range v.of {
		if !h.until.IsZero() {
			delete(v.of, sum)
		}
	}
}

// leave: nobody hashes for those who have all gone, but for what has begun.
func (v *verified) leave(sum string, h *hashing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if h.askers--; h.askers == 0 && !h.begun {
		close(h.unwanted)
		delete(v.of, sum)
	}
}

func (v *verified) hash(sum string, size int64, h *hashing) {
	if size > hashedAtOnce {
		select {
		case v.room <- struct{}{}:
			defer func() { <-v.room }()
		case <-h.unwanted:
			return
		}
	}
	v.mu.Lock()
	h.begun = true
	v.mu.Unlock()
	err := v.read(sum)
	v.mu.Lock()
	defer v.mu.Unlock()
	h.err, h.until = err, time.Now().Add(believed(err, h.askers))
	close(h.done)
}

// believed is how long the outcome holds for those who come later. What is damaged may be
// brought back at any time, and what could not be read, be read.
func believed(err error, askers int) time.Duration {
	switch {
	case err == nil:
		return verifiedFor
	case errors.Is(err, errDamagedBlob) && askers == 0:
		return unheardFor
	}
	return 0
}

func (v *verified) read(sum string) error {
	ctx, cancel := context.WithCancel(v.life)
	defer cancel()
	silence := time.AfterFunc(hashPatience, cancel)
	defer silence.Stop()
	c, err := v.open(ctx, sum)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // only read
	h := sha256.New()
	_, err = io.Copy(h, &stoppable{ctx, io.NewSectionReader(c, 0, c.Size), silence})
	switch {
	case err != nil && v.life.Err() == nil && ctx.Err() != nil:
		return fmt.Errorf("read the blob %s: nothing came for %s: %w", sum, hashPatience, blob.ErrAway)
	case err != nil:
		return fmt.Errorf("read the blob %s: %w", sum, err)
	case hex.EncodeToString(h.Sum(nil)) != sum:
		return fmt.Errorf("%w: %s", errDamagedBlob, sum)
	}
	return nil
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
