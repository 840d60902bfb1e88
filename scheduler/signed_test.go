package scheduler_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestSignedFields changes each thing that a signature is of, one after the other.
func TestSignedFields(t *testing.T) {
	ring := ringOf("mlq", 1)
	w := signedWorld(t, ring)
	id := w.submitSigned(aCommand)
	job, spec, err := w.s.SignedJob(w.ctx, id)
	if err != nil || job.ID != id {
		t.Fatalf("as it was submitted: %v", err)
	}
	for what, change := range map[string]func(j *scheduler.Job, s *scheduler.Spec){
		"the id":                 func(j *scheduler.Job, _ *scheduler.Spec) { j.ID++ },
		"the user":               func(j *scheduler.Job, s *scheduler.Spec) { j.User, s.User = "bob", "bob" },
		"the user in the record": func(j *scheduler.Job, _ *scheduler.Spec) { j.User = "bob" },
		"the user in the spec":   func(_ *scheduler.Job, s *scheduler.Spec) { s.User = "bob" },
		"the account":            func(j *scheduler.Job, s *scheduler.Spec) { j.Unix, s.Unix = "bob", "bob" },
		"user and account moved": func(j *scheduler.Job, s *scheduler.Spec) {
			j.User, s.User, j.Unix, s.Unix = "alicea", "alicea", "l", "l"
		},
		"the media type": func(_ *scheduler.Job, s *scheduler.Spec) { s.Media = scheduler.MediaEnvelope },
		"the body": func(_ *scheduler.Job, s *scheduler.Spec) {
			s.Body = bytes.Replace(s.Body, []byte("true"), []byte("evil"), 1)
		},
		"the host":   func(j *scheduler.Job, _ *scheduler.Spec) { j.Class += " host=gpu2" },
		"the Python": func(j *scheduler.Job, _ *scheduler.Spec) { j.Class += " python=%2Ftmp%2Fevil" },
		"the Python, beside what was asked": func(j *scheduler.Job, _ *scheduler.Spec) {
			j.Asked = j.Class
			j.Class += " python=%2Ftmp%2Fevil"
		},
		"the Python, in a class of consumers": func(j *scheduler.Job, _ *scheduler.Spec) {
			j.Asked = j.Class
			j.Class = scheduler.ConsumerNeed("alice", nil).String() + " python=%2Ftmp%2Fevil"
		},
		"who takes it": func(j *scheduler.Job, _ *scheduler.Spec) {
			j.Asked, j.Class = j.Class, scheduler.ConsumerNeed("alice", nil).String()
		},
		"the time limit": func(j *scheduler.Job, _ *scheduler.Spec) { j.Timeout++; j.Timeout += time.Hour },
		"the grace":      func(j *scheduler.Job, _ *scheduler.Spec) { j.Grace = time.Hour },
		"hold":           func(j *scheduler.Job, _ *scheduler.Spec) { j.Hold = true },
		"on_partition":   func(j *scheduler.Job, _ *scheduler.Spec) { j.KeepOnPartition = true },
		"a message":      func(j *scheduler.Job, _ *scheduler.Spec) { j.Message = true },
		"no signature":   func(_ *scheduler.Job, s *scheduler.Spec) { s.Signature = nil },
		"a signature by another key": func(_ *scheduler.Job, s *scheduler.Spec) {
			s.Signature = ringOf("mlq", 2).Sign(signing.Job, []byte("x"))
		},
	} {
		j, s := job, spec
		s.Body = bytes.Clone(s.Body)
		change(&j, &s)
		if err := scheduler.VerifySpec(&ring.Set, &j, &s); !errors.Is(err, scheduler.ErrUnsigned) {
			t.Errorf("%s: %v, want ErrUnsigned", what, err)
		}
	}
	other := ringOf("lab2", 1)
	if err := scheduler.VerifySpec(&other.Set, &job, &spec); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("in another namespace: %v", err)
	}
	j := job // what a job goes through is not signed
	j.State, j.Priority, j.Retries, j.CancelRequested, j.Rank, j.Releases = scheduler.Running, 5, 3, true, 9, 4
	if err := scheduler.VerifySpec(&ring.Set, &j, &spec); err != nil {
		t.Errorf("a job that runs: %v", err)
	}
}

// TestSignedBatch: each job of a batch of several chunks is signed for its own id, also where
// one needs default values only.
func TestSignedBatch(t *testing.T) {
	w := signedWorld(t, ringOf("mlq", 1))
	subs := make([]scheduler.Submission, 700)
	for i := range subs {
		subs[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: fmt.Appendf(nil, `{"command": ["%d"]}`, i)}
	}
	done, err := w.s.Submit(w.ctx, alice, subs, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range done.IDs {
		_, spec, err := w.s.SignedJob(w.ctx, id)
		if err != nil || !bytes.Equal(spec.Body, subs[i].Body) {
			t.Fatalf("job %d of the batch: %v, %s", i, err, spec.Body)
		}
	}
}

// TestSignedRequeue: a requeue signs the new job, and only if the old one was signed.
func TestSignedRequeue(t *testing.T) {
	w := signedWorld(t, ringOf("mlq", 1))
	good, bad := w.submitSigned(aCommand), w.submitSigned(aCommand)
	for _, id := range []scheduler.JobID{good, bad} {
		if _, _, err := w.s.Cancel(w.ctx, id, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	w.forge(specKey(bad), bytes.Replace(w.record(specKey(bad)), []byte("true"), []byte("evil"), 1))
	if _, err := w.s.Requeue(w.ctx, alice, bad); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("a forged job was requeued: %v", err)
	}
	again, err := w.s.Requeue(w.ctx, alice, good)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.s.SignedJob(w.ctx, again); err != nil {
		t.Errorf("the new job: %v", err)
	}
}

// TestSignAll: a new key signs what the old one has signed, and what none has only where
// an admin said so.
func TestSignAll(t *testing.T) {
	old := ringOf("mlq", 1)
	w := signedWorld(t, old)
	signed := w.submitSigned(aCommand)
	none := w.as(nil).submitSigned(aCommand)
	next := w.as(ringOf("mlq", 2, old.First()))
	alone := w.as(ringOf("mlq", 2))
	check := func(when string, id scheduler.JobID, want bool) {
		t.Helper()
		if _, _, err := alone.s.SignedJob(w.ctx, id); (err == nil) != want {
			t.Errorf("%s: job %d by the new key alone: %v", when, id, err)
		}
	}
	check("before", signed, false)
	if n, err := next.s.SignAll(w.ctx, false); err != nil || n != (scheduler.Signing{Signed: 1, Refused: 1}) {
		t.Fatalf("%+v, %v", n, err)
	}
	check("after", signed, true)
	check("after", none, false)
	if n, err := next.s.SignAll(w.ctx, true); err != nil || n != (scheduler.Signing{Signed: 1}) {
		t.Fatalf("adopted: %+v, %v", n, err)
	}
	check("adopted", none, true)
	if n, err := next.s.SignAll(w.ctx, true); err != nil || n != (scheduler.Signing{}) {
		t.Fatalf("once more: %+v, %v", n, err)
	}
}

// TestSignAllOfGarbage: what somebody else wrote, and nobody can read, or names two people,
// keeps no server from starting.
func TestSignAllOfGarbage(t *testing.T) {
	old := ringOf("mlq", 1)
	w := signedWorld(t, old)
	ids := []scheduler.JobID{w.submitSigned(aCommand), w.submitSigned(aCommand), w.submitSigned(aCommand), w.submitSigned(aCommand)}
	key := func(kind string, i int) string { return fmt.Sprintf("%s:job:%d", kind, ids[i]) }
	w.forge(key("spec", 0), []byte("garbage"))
	w.forge(key("live", 1), []byte("garbage"))
	w.forge(key("live", 2), bytes.Replace(w.record(key("live", 2)), []byte(`"u":"alice"`), []byte(`"u":"eve"`), 1))
	if err := w.s.ChangeFunctions(w.ctx, "bob", func([]scheduler.Function, time.Time, bool) ([]scheduler.Function, error) {
		return []scheduler.Function{{Name: "f"}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	w.forge("spec:functions:bob", []byte("garbage"))
	next := w.as(ringOf("mlq", 2, old.First()))
	if n, err := next.s.SignAll(w.ctx, true); err != nil || n != (scheduler.Signing{Signed: 1, Refused: 4}) {
		t.Fatalf("%+v, %v", n, err)
	}
	if _, _, err := w.as(ringOf("mlq", 2)).s.SignedJob(w.ctx, ids[3]); err != nil {
		t.Errorf("the job beside them: %v", err)
	}
}
