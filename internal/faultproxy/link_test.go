package faultproxy_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/faultproxy"
)

// TestLose: the server has carried out what the client hears no answer to.
func TestLose(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.posts("before")
	w.link.Lose(2)
	for _, body := range []string{"once", "twice"} {
		if answer, err := w.post(t.Context(), body); err == nil {
			t.Fatalf("answered %q", answer)
		}
		<-w.link.Lost()
		w.carriedOut("POST " + body)
	}
	w.posts("after")
	w.nothingElse()
}

// TestLoseAnswerTo: of several requests the one that was meant has no answer.
func TestLoseAnswerTo(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	seen, stop := w.link.Watch(faultproxy.Requests, "meant")
	w.link.LoseAnswerTo("meant", 1)
	w.posts("other")
	if len(seen) > 0 {
		t.Error("another request was seen")
	}
	if answer, err := w.post(t.Context(), "the one meant"); err == nil {
		t.Fatalf("answered %q", answer)
	}
	<-seen
	w.carriedOut("POST the one meant")
	w.posts("other")
	w.posts("the next one meant")
	<-seen
	stop()
	w.posts("meant, unseen")
	if len(seen) > 0 {
		t.Error("seen after the end")
	}
	w.nothingElse()
}

// TestHoldAnswers is the half-open link: requests arrive, answers do not, and
// come when the link is whole again.
func TestHoldAnswers(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	arrived, release := w.link.Hold(faultproxy.Answers)
	var wg sync.WaitGroup
	wg.Go(func() { w.posts("held") })
	<-arrived
	w.link.Heal()
	wg.Wait()
	release()
	w.posts("after")
}

// TestHoldRequests: nothing arrives until the link is whole, and then what its
// sender has long given up arrives too.
func TestHoldRequests(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	arrived, release := w.link.Hold(faultproxy.Both)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := w.post(ctx, "late")
		left <- err
	}()
	<-arrived
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.nothingElse()
	release()
	w.carriedOut("POST late")
}

// TestCut: whoever waits hears at once, and the next connection is whole.
func TestCut(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.Raw)
	arrived, release := w.link.Hold(faultproxy.Answers)
	left := make(chan error)
	go func() {
		_, err := w.post(t.Context(), "cut")
		left <- err
	}()
	<-arrived
	w.link.Cut()
	if err := <-left; err == nil {
		t.Fatal("it was answered")
	}
	release()
	w.carriedOut("POST cut")
	w.posts("after")
	if n := w.link.Counts().Cut; n == 0 {
		t.Error("nothing was counted")
	}
}

// TestDelay: both ways together take as long as they must, not less.
func TestDelay(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.link.Delay(faultproxy.Both, faultproxy.Latency{Mean: 60 * time.Millisecond, Jitter: 20 * time.Millisecond})
	began := time.Now()
	w.posts("slow")
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("took %v, want at least twice 40 ms", took)
	}
	w.link.Delay(faultproxy.Both, faultproxy.Latency{Loss: 1})
	began = time.Now()
	w.posts("lost once")
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("took %v, want two retransmissions", took)
	}
}

// TestThrottle: what is sent takes as long as its bytes need.
func TestThrottle(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.link.Throttle(faultproxy.Requests, 100_000)
	began := time.Now()
	w.posts(strings.Repeat("x", 20_000))
	if took := time.Since(began); took < 190*time.Millisecond {
		t.Errorf("20 kB took %v at 100 kB/s", took)
	}
	w.link.Throttle(faultproxy.Requests, 0)
	w.posts(strings.Repeat("x", 2_000_000)) // 20 s, were it still in force
}

// TestFlip: one bit of what the client says differs at the server, and one of
// the answer at the client.
func TestFlip(t *testing.T) {
	t.Parallel()
	l := link(t, echo(t), faultproxy.Raw)
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	said := make([]byte, 16) // zeros, so that a flipped bit is the only one
	differ := func() (bits int) {
		t.Helper()
		heard := make([]byte, len(said))
		if _, err := c.Write(said); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(answers, heard); err != nil {
			t.Fatal(err)
		}
		for _, b := range heard {
			for ; b != 0; b &= b - 1 {
				bits++
			}
		}
		return bits
	}
	for _, d := range []faultproxy.Direction{faultproxy.Requests, faultproxy.Answers} {
		l.Flip(d, 1)
		if got := []int{differ(), differ()}; got[0] != 1 || got[1] != 0 {
			t.Errorf("direction %d: %v bits differ, want one, once", d, got)
		}
	}
	if n := l.Counts().Flipped; n != 2 {
		t.Errorf("%d counted", n)
	}
}

// TestRetarget: new connections lead elsewhere, and whole ones stay.
func TestRetarget(t *testing.T) {
	t.Parallel()
	first, second := newWeb(t, faultproxy.HTTP), newWeb(t, faultproxy.HTTP)
	first.posts("a")
	first.link.Retarget(second.link.Target())
	first.posts("b")
	first.call.CloseIdleConnections()
	if answer, err := first.post(t.Context(), "c"); err != nil || answer != "did c" {
		t.Fatal(answer, err)
	}
	second.carriedOut("POST c")
	first.nothingElse()
}

// TestNobodyThere: where no server is, a client is reset rather than left alone.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	w.link.Retarget(gone.Addr().String())
	if answer, err := w.post(t.Context(), "x"); err == nil {
		t.Fatalf("answered %q", answer)
	}
}

// TestClose ends connections that are held and delayed, and returns.
func TestClose(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	arrived, _ := w.link.Hold(faultproxy.Requests)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := w.post(t.Context(), "x"); err != nil {
				failed.Add(1)
			}
		})
	}
	for range 5 {
		<-arrived
	}
	w.link.Close()
	wg.Wait()
	if failed.Load() != 5 {
		t.Errorf("%d of 5 failed", failed.Load())
	}
	w.link.Close()
}
