package callback_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api/callback"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestQueryOfThePredecessor: byte for byte, in its order.
func TestQueryOfThePredecessor(t *testing.T) {
	w := newWorld(t, 1, callback.All)
	a := newApp(t, ok)
	w.sender(w.sched)
	first := w.succeeded(a.URL+"/done", "6 × 7 = 42&x")
	w.until(first, ended)
	second := w.cancelled("ana", a.URL+"/done?app=1#top")
	w.until(second, ended)
	want := []string{
		fmt.Sprintf("GET /done?success=1&job_id=%d&short_result=6+%%C3%%97+7+%%3D+42%%26x", first),
		fmt.Sprintf("GET /done?app=1&success=0&job_id=%d&short_result=None", second),
	}
	if got := a.asked(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.wantMetric("mlq_callback_tries_total", "delivered", 2)
	w.wantMetric("mlq_callbacks_total", "delivered", 2)
	w.wantMetric("mlq_callbacks_total", "failed", 0)
}

// TestBadApplications: what hangs, fails or leads elsewhere costs three tries,
// and delays nobody else.
func TestBadApplications(t *testing.T) {
	w := newWorld(t, 50, callback.All)
	hang := make(chan struct{})
	defer close(hang)
	var now, most atomic.Int32
	hangs := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	fails := newApp(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	inside := newApp(t, ok)
	leads := newApp(t, func(rw http.ResponseWriter, r *http.Request) {
		to := inside.URL + "/secret"
		if r.URL.Path == "/metadata" {
			to = "http://169.254.169.254/latest/meta-data/"
		}
		http.Redirect(rw, r, to, http.StatusFound)
	})
	speaks := newApp(t, func(rw http.ResponseWriter, _ *http.Request) {
		if c, _, err := rw.(http.Hijacker).Hijack(); err == nil {
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			_ = c.Close()
		}
	})
	good := newApp(t, ok)
	w.sender(w.sched)
	var hanging []scheduler.JobID
	for range 20 {
		hanging = append(hanging, w.cancelled("eve", hangs.URL+"/?key=secret"))
	}
	if c := w.until(w.cancelled("ana", good.URL), ended); c.State != scheduler.CallbackDelivered {
		t.Errorf("behind what hangs: %+v", c)
	}
	wrong := map[scheduler.JobID]string{}
	for url, text := range map[string]string{
		fails.URL + "/":               "it answered 500",
		leads.URL + "/":               "it answered 302, and redirects are not followed",
		leads.URL + "/metadata":       "redirects are not followed",
		speaks.URL + "/":              "malformed HTTP",
		"http://127.0.0.1:1/":         "connection refused",
		"http://169.254.169.254/late": "never go to",
	} {
		wrong[w.cancelled("bob", url+"?key=secret")] = text
	}
	for id, text := range wrong {
		w.wantFailed(id, text)
	}
	for _, id := range hanging {
		w.wantFailed(id, "no answer within 100ms")
	}
	if n := most.Load(); n > 4+1 { // one may not have heard yet that nobody waits for it
		t.Errorf("%d of one user were sent at once", n)
	}
	if n := len(inside.asked()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	if n := len(fails.asked()); n != 3 {
		t.Errorf("%d tries", n)
	}
}

// TestSecondTry: an application that was down for a moment is told.
func TestSecondTry(t *testing.T) {
	w := newWorld(t, 50, callback.All)
	var down sync.Once
	a := newApp(t, func(rw http.ResponseWriter, _ *http.Request) {
		down.Do(func() { rw.WriteHeader(http.StatusBadGateway) })
	})
	w.sender(w.sched)
	c := w.until(w.cancelled("ana", a.URL), ended)
	if c.State != scheduler.CallbackDelivered || len(c.Tries) != 2 || c.Tries[0].Text != "it answered 502" || c.Tries[1].Text != "it answered 200" {
		t.Errorf("%+v", c)
	}
}

// TestEndlessAnswer: no more is read of it than its status is worth.
func TestEndlessAnswer(t *testing.T) {
	w := newWorld(t, 1, callback.All)
	left := make(chan int, 1)
	a := newApp(t, func(rw http.ResponseWriter, _ *http.Request) {
		n := 0
		block := make([]byte, 64<<10)
		for {
			if _, err := rw.Write(block); err != nil {
				left <- n
				return
			}
			n += len(block)
		}
	})
	w.sender(w.sched)
	if c := w.until(w.cancelled("ana", a.URL), ended); c.State != scheduler.CallbackDelivered {
		t.Errorf("%+v", c)
	}
	select {
	case n := <-left:
		if n > 32<<20 { // what kernels hold between the two
			t.Errorf("%d bytes were taken", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("the answer is read for ever")
	}
}

// TestNamesAreCheckedWhenDialled: a name is worth the address that is dialled.
func TestNamesAreCheckedWhenDialled(t *testing.T) {
	w := newWorld(t, 50) // nothing private
	a := newApp(t, ok)
	_, port, _ := strings.Cut(strings.TrimPrefix(a.URL, "http://"), ":")
	w.sender(w.sched)
	w.wantFailed(w.cancelled("ana", "http://localhost:"+port+"/?key=secret"), "not a public address")
	if n := len(a.asked()); n != 0 {
		t.Errorf("it was dialled %d times", n)
	}
}

// TestOneOfSeveralSends: three servers on one store tell each end once.
func TestOneOfSeveralSends(t *testing.T) {
	w := newWorld(t, 1, callback.All)
	a := newApp(t, ok)
	for range 3 {
		w.sender(w.scheduler(1))
	}
	const jobs = 60
	ids := make([]scheduler.JobID, jobs)
	for i := range ids {
		ids[i] = w.cancelled(fmt.Sprint("user", i%6), a.URL)
	}
	for _, id := range ids {
		w.until(id, ended)
	}
	seen := map[string]int{}
	for _, uri := range a.asked() {
		seen[uri]++
	}
	if len(seen) != jobs || len(a.asked()) != jobs {
		t.Errorf("%d different callbacks in %d requests, want %d", len(seen), len(a.asked()), jobs)
	}
}

// TestManyOfOneUser: more than one look goes through wait for an application that hangs,
// and another user's callback is sent meanwhile.
func TestManyOfOneUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, callback.All)
	hang := make(chan struct{})
	slow := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	sub := scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg":1}`), Function: "f", Callback: slow.URL}
	for range 9 {
		out, err := w.sched.Submit(w.Context(), scheduler.Who{User: "ana"}, slices.Repeat([]scheduler.Submission{sub}, 1000), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range out.IDs {
			if _, _, err := w.sched.Cancel(w.Context(), id, "ana"); err != nil {
				t.Fatal(err)
			}
		}
	}
	id := w.cancelled("bob", newApp(t, ok).URL)
	w.sender(w.sched)
	if c := w.until(id, ended); c.State != scheduler.CallbackDelivered {
		t.Errorf("%+v", c)
	}
}

// slowOnce is a store that tells of one commit late.
type slowOnce struct {
	store.Store

	late atomic.Pointer[time.Duration]
}

func (s *slowOnce) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	a, err := s.Store.Commit(ctx, c)
	if by := s.late.Swap(nil); by != nil {
		<-time.After(*by)
	}
	return a, err
}

// TestTakenLongAgo: what a server learns late that it has taken it does not send: it
// may be another's by now. It gives it back, or leaves it to that one.
func TestTakenLongAgo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, callback.All)
	slow := &slowOnce{Store: w.st}
	w.st = slow
	s := w.scheduler(20)
	a := newApp(t, ok)
	id := w.cancelled("ana", a.URL)
	by := 2*s.Timing().CallbackTry + 100*time.Millisecond
	slow.late.Store(&by)
	w.sender(s)
	if c := w.until(id, ended); c.Taken != 2 || len(a.asked()) != 1 {
		t.Errorf("%+v, sent %d times", c, len(a.asked()))
	}
}

// TestStoppedServer: what it could not end is sent by the next one, and costs no try.
func TestStoppedServer(t *testing.T) {
	w := newWorld(t, 1, callback.All)
	began, hang := make(chan struct{}, 1), make(chan struct{})
	var first sync.Once
	a := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
		first.Do(func() {
			began <- struct{}{}
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		})
	})
	defer close(hang)
	stop := w.sender(w.sched)
	id := w.cancelled("ana", a.URL)
	<-began
	stop()
	w.until(id, func(c scheduler.Callback) bool { return !c.Held && c.State == "" && len(c.Tries) == 0 })
	w.sender(w.sched)
	if c := w.until(id, ended); c.State != scheduler.CallbackDelivered || len(c.Tries) != 1 {
		t.Errorf("%+v", c)
	}
}
