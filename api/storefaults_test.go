package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// faulty is a store whose calls can be made to meet a fault. It stands apart from
// storetest.Faulty, whose faults are those of a network and never reach the caller as
// another error or a panic.
type faulty struct {
	store.Store
	fault atomic.Pointer[func(keys []string) error]
}

// meet has each call meet the fault before it reaches the store; nil ends that. The
// keys are those that are read; a fault may panic.
func (f *faulty) meet(fault func(keys []string) error) { f.fault.Store(&fault) }

func (f *faulty) met(keys []string) error {
	if fault := f.fault.Load(); fault != nil && *fault != nil {
		return (*fault)(keys)
	}
	return nil
}

func (f *faulty) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	if err := f.met(q.Keys); err != nil {
		return store.Answer{}, err
	}
	return f.Store.Read(ctx, q)
}

func (f *faulty) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if err := f.met(nil); err != nil {
		return store.Result{}, err
	}
	return f.Store.Commit(ctx, c)
}

// faultyWorld is a world on a store that is well until it is told otherwise.
func faultyWorld(t *testing.T) (*world, *faulty) {
	t.Helper()
	inner, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = inner.Close() })
	folder, err := blob.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	st := &faulty{Store: inner}
	return worldOn(t, st, folder), st
}

func TestStoreAwayAndFull(t *testing.T) {
	t.Parallel()
	w, st := faultyWorld(t)
	w.submit(w.ana, `{"msg":1}`)
	for _, c := range []struct {
		err  error
		code api.Code
	}{
		{fmt.Errorf("%w: connection refused by 10.1.2.3", store.ErrUnavailable), api.CodeUnavailable},
		{fmt.Errorf("%w: maxmemory", store.ErrFull), api.CodeStoreFull},
	} {
		st.meet(func([]string) error { return c.err })
		for _, a := range []answer{
			w.do(w.ana, "POST", "/jobs", `{"msg":2}`), w.do(w.ana, "GET", "/jobs/1", nil), w.do(w.ana, "GET", "/jobs", nil),
		} {
			w.refused(a, 503, c.code)
			if bytes.Contains(a.body, []byte("10.1.2.3")) {
				t.Errorf("the caller sees %s", a.body)
			}
			if a.header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
		}
		if a := w.do("", "GET", "/readyz", nil); a.status != 503 || bytes.Contains(a.body, []byte("10.1.2.3")) {
			t.Errorf("readyz answers %d %s", a.status, a.body)
		}
		if a := w.do("", "GET", "/healthz", nil); a.status != 200 {
			t.Errorf("healthz answers %d", a.status)
		}
	}
	st.meet(func([]string) error { return errors.New("secret detail of the store") })
	if a := w.do("", "GET", "/readyz", nil); a.status != 503 || bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("readyz answers %d %s", a.status, a.body)
	}
	a := w.do(w.ana, "GET", "/jobs/1", nil)
	w.refused(a, 500, api.CodeInternal)
	if bytes.Contains(a.body, []byte("secret")) {
		t.Errorf("the caller sees %s", a.body)
	}
	st.meet(nil)
	if n := w.count(); n != 1 {
		t.Errorf("%d jobs after failed submits", n)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	w, st := faultyWorld(t)
	st.meet(func(keys []string) error {
		if len(keys) > 0 && strings.HasPrefix(keys[0], "spec:functions") {
			panic("boom with a secret")
		}
		return nil
	})
	a := w.do(w.ana, "GET", "/consumer", nil)
	p := w.refused(a, 500, api.CodeInternal)
	if bytes.Contains(a.body, []byte("secret")) || bytes.Contains(a.body, []byte("goroutine")) {
		t.Errorf("the caller sees %s", a.body)
	}
	if a := w.do("", "GET", "/healthz", nil); a.status != 200 {
		t.Errorf("after the panic healthz answers %d", a.status)
	}
	if p.RequestID != a.header.Get("X-Request-ID") {
		t.Error("the problem names another request")
	}
}
