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
	"github.com/mlq-dev/mlq/scheduler"
)

// errDamagedBlob: the disk gives other bytes than were put there.
var errDamagedBlob = errors.New("the blob is damaged")

const (
	verifiedFor  = 10 * time.Minute // what was read in parts is not hashed for each part
	mostVerified = 1024
)

// verified hashes blobs before they are shown to those who do not compare the SHA-256
// themselves, as browsers; clients of ours and agents do.
type verified struct {
	mu sync.Mutex
	at map[string]time.Time
}

// check reads all of a blob, unless that was done a moment ago. Errors: errDamagedBlob.
func (v *verified) check(ctx context.Context, sum string, c blob.Content) error {
	v.mu.Lock()
	at, ok := v.at[sum]
	v.mu.Unlock()
	if ok && time.Since(at) < verifiedFor {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, &stoppable{ctx, io.NewSectionReader(c, 0, c.Size)}); err != nil {
		return fmt.Errorf("read the blob %s: %w", sum, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != sum {
		return fmt.Errorf("%w: %s", errDamagedBlob, sum)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at == nil || len(v.at) >= mostVerified {
		v.at = map[string]time.Time{}
	}
	v.at[sum] = time.Now()
	return nil
}

// stoppable ends a long read with its request.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

// resultDamaged tells of a job's blob that is not what it was; the log has it too.
func (s *Server) resultDamaged(job *scheduler.Job, err error) error {
	if !errors.Is(err, errDamagedBlob) {
		return err
	}
	s.log.Error().Err(err).Int64("job", int64(job.ID)).Msg("a blob has another SHA-256 than when it was stored: look at the disk, and bring it back from a backup")
	e := refuse(CodeResultGone, "it is damaged on the server's disk; an admin can bring it back from a backup")
	e.Job, e.State = job.ID, job.State
	return e
}
