package redisstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mlq-dev/mlq/internal/faultproxy"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestLostAnswer drops the answer after the server has carried out the request:
// neither we nor go-redis repeat it, and the caller's own repeat answers conflict.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
	s := open(t, proxy.URL(redistest.Namespace(t)))
	identity := read(t, s).Identity
	commit(t, s, counting(identity, "first")) // the server knows the script now

	proxy.Lose(1)
	c := counting(identity, "a")
	if _, err := s.Commit(soon(t), c); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("commit whose answer was lost: %v", err)
	}
	<-proxy.Lost()
	a := read(t, s, "a")
	if a.Counters[0] != 2 || a.Records[0].Version != 2 || a.Revision != 2 {
		t.Fatalf("the commit was not carried out exactly once: %+v", a)
	}
	if r := commit(t, s, c); r.Conflict != 0 {
		t.Fatalf("the repeat answered %+v, want conflict 0", r)
	}
}

// TestLostNumbers: a block whose answer is lost is not given again.
func TestLostNumbers(t *testing.T) {
	t.Parallel()
	proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
	s := open(t, proxy.URL(redistest.Namespace(t)))
	if _, _, err := s.Allocate(soon(t), "ids", 1); err != nil {
		t.Fatal(err)
	}
	proxy.Lose(1)
	if _, _, err := s.Allocate(soon(t), "ids", 10); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("allocation whose answer was lost: %v", err)
	}
	if first, _, err := s.Allocate(soon(t), "ids", 1); err != nil || first != 12 {
		t.Fatalf("the next number is %d, %v; want 12", first, err)
	}
}

// TestLateAnswer: an answer that comes after its caller has left does not become
// the answer of another call.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	proxy := redistest.NewProxy(t, redistest.Shared(t).Addr())
	s := open(t, proxy.URL(redistest.Namespace(t)))
	identity := read(t, s).Identity
	commit(t, s, counting(identity, "first"))
	ctx, leave := context.WithCancel(context.Background())
	arrived, release := proxy.Hold(faultproxy.Answers)
	left := make(chan error)
	go func() {
		_, err := s.Commit(ctx, counting(identity, "a"))
		left <- err
	}()
	<-arrived
	leave()
	if err := <-left; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Fatalf("left with %v", err)
	}
	release()
	if r := commit(t, s, counting(identity, "first")); r.Conflict != 0 {
		t.Fatalf("answered %+v, want conflict 0", r)
	}
	if a := read(t, s, "first", "a", "none"); a.Records[0].Version != 1 || a.Records[1].Version != 2 || a.Records[2].Version != 0 {
		t.Fatalf("answered %+v", a)
	}
}
