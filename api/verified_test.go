package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlq-dev/mlq/internal/blob"
)

// shelf is a Blobs of texts by their names, read when the gate opens, and said to be large.
type shelf struct {
	Blobs

	gate chan struct{}

	mu    sync.Mutex
	texts map[string]string
	small string // one that is not
	read  []string
	open  int
}

func (s *shelf) Open(_ context.Context, sum string) (blob.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := int64(hashedAtOnce + 1)
	if sum == s.small {
		size = int64(len(s.texts[sum]))
	}
	s.open++
	return blob.Content{ReaderAt: &shelved{s, sum}, Closer: s, Size: size}, nil
}

func (s *shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return nil
}

type shelved struct {
	*shelf

	sum string
}

func (s *shelved) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	if off == 0 {
		s.read = append(s.read, s.sum)
	}
	s.mu.Unlock()
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.NewReader(s.texts[s.sum]).ReadAt(p, off)
}

// asked is what was hashed until now, or is being.
func (s *shelf) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.read)
}

// held is how many are open.
func (s *shelf) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// put changes a text.
func (s *shelf) put(sum, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[sum] = text
}

func shelfOf(texts ...string) (*shelf, []string) {
	s, sums := &shelf{texts: map[string]string{}, gate: make(chan struct{})}, []string{}
	for _, text := range texts {
		sums = append(sums, blob.Sum([]byte(text)))
		s.texts[sums[len(sums)-1]] = text
	}
	return s, sums
}

// TestFewAreHashedAtOnce: small ones need not wait for large ones, by their files' sizes, and one
// whose askers have all gone before its turn is not hashed. Nobody has one open while they wait.
func TestFewAreHashedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sums := shelfOf("a", "b", "c", "d", "e", "f")
		s.small = sums[5]
		v := newVerified(s)
		defer v.end()
		outcome := make(chan error, 8)
		ask := func(ctx context.Context, sum string) {
			go func() { outcome <- v.check(ctx, sum) }()
			synctest.Wait()
		}
		for _, sum := range sums[:mostHashed] {
			ask(t.Context(), sum)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		ask(ctx, sums[4])
		ask(t.Context(), sums[5])
		if n := len(s.asked()); n != mostHashed+1 || s.asked()[n-1] != sums[5] {
			t.Errorf("%d are being hashed", n)
		}
		if n := s.held(); n != mostHashed+1 {
			t.Errorf("%d are open", n)
		}
		giveUp()
		if err := <-outcome; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
		close(s.gate)
		for range mostHashed + 1 {
			if err := <-outcome; err != nil {
				t.Error(err)
			}
		}
		if n := len(s.asked()); n != mostHashed+1 {
			t.Errorf("%d were hashed", n)
		}
		ask(t.Context(), sums[4])
		if err := <-outcome; err != nil || s.asked()[len(s.asked())-1] != sums[4] {
			t.Errorf("asked again: %v", err)
		}
	})
}

// TestOutcomesAreBelieved: for some time, and that a blob is damaged only by who comes back
// for it, because it may be brought back.
func TestOutcomesAreBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sums := shelfOf("whole", "damaged")
		s.put(sums[1], "changed")
		v := newVerified(s)
		defer v.end()
		giveUp := func(sum string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := v.check(ctx, sum); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who gave up: %v", err)
			}
		}
		giveUp(sums[0])
		giveUp(sums[1])
		close(s.gate)
		synctest.Wait()
		for _, c := range []struct {
			after   time.Duration
			damaged bool
			opened  int
		}{{0, true, 2}, {2 * unheardFor, true, 3}, {time.Second, true, 4}, {time.Second, false, 5}, {verifiedFor + time.Second, false, 7}} {
			time.Sleep(c.after) //nolint:forbidigo // of the bubble's clock
			if !c.damaged {
				s.put(sums[1], "damaged")
			}
			whole, damaged := v.check(t.Context(), sums[0]), v.check(t.Context(), sums[1])
			if whole != nil || errors.Is(damaged, errDamagedBlob) != c.damaged || len(s.asked()) != c.opened {
				t.Errorf("%s later: %v, %v, opened %d times", c.after, whole, damaged, len(s.asked()))
			}
		}
	})
}

// TestSilentBlobs: one of which nothing comes is given up, and hashed anew for who asks again.
func TestSilentBlobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, sums := shelfOf("a")
		s.small = sums[0]
		v := newVerified(s)
		defer v.end()
		outcome := make(chan error)
		go func() { outcome <- v.check(t.Context(), sums[0]) }()
		time.Sleep(hashPatience + time.Second) //nolint:forbidigo // of the bubble's clock
		close(s.gate)
		if err := <-outcome; !errors.Is(err, blob.ErrAway) {
			t.Error(err)
		}
		if err := v.check(t.Context(), sums[0]); err != nil {
			t.Errorf("asked again: %v", err)
		}
	})
}
