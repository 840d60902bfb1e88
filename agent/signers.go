package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/sealed"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// signersFile keeps which keys are valid, so that an agent which starts while no server
// answers can run what waits on its store.
const signersFile = "signers.json"

const (
	// signersEvery is how often a server is asked for the keys: for so long one that was
	// taken away is still believed.
	signersEvery = time.Minute
	// signersAgain is how long after an answer no job with a key that is not known has
	// the server asked once more: somebody may write many of them.
	signersAgain = time.Second
	// signersWait is how long a server's answer is awaited: jobs wait for it, one after the other.
	signersWait = 5 * time.Second
)

// signers are the keys of the servers, by which jobs are checked. Safe for concurrent use.
type signers struct {
	fetch func(context.Context) (signing.Set, error)
	path  string
	log   zerolog.Logger
	told  troubles // of the claim loop, which asks at each look at the queue

	refused atomic.Uint64 // leases that were given back: no server had signed the job

	asking chan struct{} // full while a question is asked: one at a time; no lock, which no context ends
	asked  time.Time     // when it was answered; guarded by asking

	mu  sync.Mutex
	set *signing.Set // nil: not known
}

// newSigners reads what is kept in dir. A file that cannot be read is as none: the
// server is asked.
func newSigners(o *Options) *signers {
	s := &signers{fetch: o.Signers, path: filepath.Join(o.DataDir, signersFile), log: o.Log, told: troubles{}, asking: make(chan struct{}, 1)}
	var kept signing.Set
	text, err := os.ReadFile(s.path)
	if err == nil {
		text, _, err = sealed.Unseal(text)
	}
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	switch {
	case err == nil:
		s.set = &kept
	case !errors.Is(err, fs.ErrNotExist):
		s.log.Warn().Err(err).Str("file", s.path).Msg("the servers' keys are asked for anew")
	}
	return s
}

func (s *signers) current() *signing.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

// known reports whether there is anything to check jobs by; where not, a server is asked.
// One goroutine calls it, the claim loop.
func (s *signers) known(ctx context.Context) bool {
	if s.current() != nil {
		return true
	}
	if err := s.refresh(ctx); err != nil && ctx.Err() == nil && s.told.fresh(err.Error(), time.Now()) {
		s.log.Warn().Err(err).Msg("no job is claimed before a server has said by which keys jobs are signed")
	}
	return s.current() != nil
}

// refresh asks a server for the keys, unless it has just answered.
func (s *signers) refresh(ctx context.Context) error {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return fmt.Errorf("ask a server for its signing keys: %w", ctx.Err())
	}
	if time.Since(s.asked) < signersAgain {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, signersWait)
	defer cancel()
	set, err := s.fetch(ctx)
	if err != nil {
		return fmt.Errorf("ask a server for its signing keys: %w", err)
	}
	s.asked = time.Now()
	before := s.current()
	if before != nil && before.Equal(&set) {
		return nil
	}
	s.mu.Lock()
	s.set = &set
	s.mu.Unlock()
	ids := make([]string, len(set.Keys))
	for i, k := range set.Keys {
		ids[i] = k.ID()
	}
	s.log.Info().Strs("keys", ids).Msg("jobs are checked by these keys of the servers")
	s.keep(&set)
	return nil
}

func (s *signers) keep(set *signing.Set) {
	text, err := json.Marshal(set)
	if err == nil {
		err = replaceFile(s.path, sealed.Seal(append(text, '\n')))
	}
	if err != nil {
		s.log.Warn().Err(err).Msg("cannot keep the servers' keys: an agent that starts while none answers has to wait")
	}
}

// verify refuses a job that no server has signed (scheduler.ErrUnsigned). A key that is
// not known may be new: a server is asked; where none answers, that is errAPIAway. One is
// asked as well where a key has signed something else, for what is known here may be
// damaged; where none answers, that decides.
func (s *signers) verify(ctx context.Context, j *scheduler.Job, spec *scheduler.Spec) error {
	set := s.current()
	err := fmt.Errorf("%w: the servers' keys are not known", errAPIAway)
	if set != nil {
		err = scheduler.VerifySpec(set, j, spec)
	}
	if err == nil || errors.Is(err, signing.ErrUnsigned) {
		return err
	}
	if asked := s.refresh(ctx); asked != nil {
		if errors.Is(err, signing.ErrAltered) {
			return err
		}
		return fmt.Errorf("%w: %w", errAPIAway, asked)
	}
	if set = s.current(); set == nil {
		return err
	}
	return scheduler.VerifySpec(set, j, spec)
}

// signerLoop hears of keys that were added or taken away.
func (a *Agent) signerLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.signers.refresh(ctx); err != nil {
			a.warn(ctx, err, "going on with the keys as they were")
		}
		sleep(ctx, signersEvery)
	}
}
