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

// TestSignedMessage: the class of a message changes with its functions, and says nothing
// else; what its request asks of a host does not change.
func TestSignedMessage(t *testing.T) {
	ring := ringOf("mlq", 1)
	w := signedWorld(t, ring)
	id := w.submitSigned(scheduler.Submission{
		Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Message: true, Functions: []string{"f"}, Request: scheduler.Request{GPUType: "a100"},
	})
	for _, step := range []struct {
		f     scheduler.Function
		class string
	}{
		{scheduler.Function{Name: "f", Keep: true, SHA256: "aa"}, "gpus=1 consumer=alice function=f"},
		{scheduler.Function{Name: "f", Python: "3.11"}, "gpus=1 type=a100 call=3.11"},
	} {
		err := w.s.ChangeFunctions(w.ctx, "alice", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
			return []scheduler.Function{step.f}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		job, spec, err := w.s.SignedJob(w.ctx, id)
		if err != nil || job.State != scheduler.Queued || job.Class != step.class {
			t.Errorf("%s in class %q, want %q: %v", job.State, job.Class, step.class, err)
		}
		for what, forge := range map[string]func(*scheduler.Job){
			"on another device": func(j *scheduler.Job) {
				j.Class, j.Asked = strings.Replace(j.Class, "a100", "h100", 1), strings.Replace(j.Asked, "a100", "h100", 1)
			},
			"with a Python of its own":     func(j *scheduler.Job) { j.Class += " python=%2Ftmp%2Fevil" },
			"for another user's consumers": func(j *scheduler.Job) { j.Asked, j.Class = "gpus=1 type=a100", "gpus=1 consumer=mallory function=f" },
		} {
			forged := job
			forge(&forged)
			if err := scheduler.VerifySpec(&ring.Set, &forged, &spec); !errors.Is(err, scheduler.ErrUnsigned) {
				t.Errorf("in class %q, %s: %v", job.Class, what, err)
			}
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
