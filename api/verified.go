package api

import (
	"context"
	"errors"
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

// check reads all of a blob, unless that was done a moment ago. Errors:
// errDamagedBlob, those of Open.
func (v *verified) check(ctx context.Context, sum string) error {
	h := v.ask(sum)
	defer v.leave(sum, h)
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *verified) ask(sum string) *hashing {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, now := v.of[sum], time.Now()
	if h == nil || h.over(now) {
		v.makeRoom(now)
		h = &hashing{unwanted: make(chan struct{}), done: make(chan struct{})}
		v.of[sum] = h
		go v.hash(sum, h)
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

// hash opens a blob before it knows whether that needs a place: how large it is only its file can
// say, what a manifest or a call says of it is a user's. Nobody has it open while they wait, for
// another server gives up on who opens a blob and does not read.
func (v *verified) hash(sum string, h *hashing) {
	c, err := v.take(sum)
	if err == nil && c.Size > hashedAtOnce {
		c.close()
		select {
		case v.room <- struct{}{}:
			defer func() { <-v.room }()
		case <-h.unwanted:
			return
		}
		c, err = v.take(sum)
	}
	if err == nil {
		defer c.close()
	}
	if !v.begin(h) {
		return
	}
	if err == nil {
		err = c.compare(sum)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	h.err, h.until = err, time.Now().Add(believed(err, h.askers))
	close(h.done)
}

// begin: from now on it is hashed also for those who come later. false: all have gone.
func (v *verified) begin(h *hashing) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	select {
	case <-h.unwanted:
		return false
	default:
		h.begun = true
		return true
	}
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
