package scheduler_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestSignedFunctions: a function is signed where it is registered, and a forged one is not
// made genuine by the next change.
func TestSignedFunctions(t *testing.T) {
	w := signedWorld(t, ringOf("mlq", 1))
	add := func(f scheduler.Function) {
		t.Helper()
		err := w.s.ChangeFunctions(w.ctx, "alice", func(list []scheduler.Function, now time.Time, _ bool) ([]scheduler.Function, error) {
			f.Registered = now
			return append(list, f), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	verify := func() error {
		t.Helper()
		list, err := w.s.Functions(w.ctx, "alice")
		if err != nil {
			t.Fatal(err)
		}
		return w.s.VerifyFunctions("alice", list)
	}
	add(scheduler.Function{Name: "one", SHA256: strings.Repeat("a", 64), Keep: true, Request: []byte(`{"x": "<&>"}`)})
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	w.note("one", scheduler.Process{Generation: 3, Job: 7})
	if err := verify(); err != nil {
		t.Errorf("with a process: %v", err)
	}
	w.forge("spec:functions:alice", bytes.Replace(w.record("spec:functions:alice"), []byte("aaaa"), []byte("eeee"), 1))
	if err := verify(); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("of another blob: %v", err)
	}
	add(scheduler.Function{Name: "two", SHA256: strings.Repeat("b", 64)})
	w.note("one", scheduler.Process{Generation: 4})
	if err := verify(); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("after another was registered: %v", err)
	}
	list, err := w.s.Functions(w.ctx, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.s.VerifyFunctions("bob", list[1:]); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("as another user's: %v", err)
	}
	if err := w.s.VerifyFunctions("alice", list[1:]); err != nil {
		t.Errorf("the other function: %v", err)
	}
	if n, err := w.s.SignAll(w.ctx, true); err != nil || n.Signed != 1 || verify() != nil {
		t.Errorf("adopted: %+v, %v, %v", n, err, verify())
	}
}

// TestSignedMessage: the class of a message changes with its functions; what its request
// asks of a host does not.
func TestSignedMessage(t *testing.T) {
	ring := ringOf("mlq", 1)
	w := signedWorld(t, ring)
	id := w.submitSigned(scheduler.Submission{
		Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Message: true, Functions: []string{"f"}, Request: scheduler.Request{GPUType: "a100"},
	})
	for _, f := range []scheduler.Function{{Name: "f", Python: "3.11"}, {Name: "f", Keep: true}, {Name: "f", Python: "3.12"}} {
		err := w.s.ChangeFunctions(w.ctx, "alice", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
			return []scheduler.Function{f}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		job, spec, err := w.s.SignedJob(w.ctx, id)
		if err != nil || job.State != scheduler.Queued {
			t.Errorf("%s in class %q: %v", job.State, job.Class, err)
		}
		job.Class, job.Asked = strings.Replace(job.Class, "a100", "h100", 1), strings.Replace(job.Asked, "a100", "h100", 1)
		if err := scheduler.VerifySpec(&ring.Set, &job, &spec); !errors.Is(err, scheduler.ErrUnsigned) {
			t.Errorf("on another device: %v", err)
		}
	}
}

// TestReplayedJob says what an old record that is put back does: the job runs again, as
// itself. Nothing else can be made of it.
func TestReplayedJob(t *testing.T) {
	w := signedWorld(t, ringOf("mlq", 1))
	id := w.submitSigned(aCommand)
	before := w.record(liveKey(id))
	if _, _, err := w.s.Cancel(w.ctx, id, "alice"); err != nil {
		t.Fatal(err)
	}
	w.forge(liveKey(id), before)
	job, spec, err := w.s.SignedJob(w.ctx, id)
	if err != nil || job.State != scheduler.Queued || !bytes.Equal(spec.Body, aCommand.Body) {
		t.Errorf("put back: %s, %v", job.State, err)
	}
}
