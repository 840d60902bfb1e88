package scheduler_test

import (
	"bytes"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestSignAllOfLargeJobs: a server whose key was changed starts also where what waits is
// more than one commit may have.
func TestSignAllOfLargeJobs(t *testing.T) {
	old := ringOf("mlq", 1)
	w := signedWorld(t, old)
	large := aCommand
	large.Body = bytes.Repeat([]byte("x"), 45<<20)
	ids := []scheduler.JobID{w.submitSigned(large), w.submitSigned(large), w.submitSigned(large), w.submitSigned(aCommand)}
	if n, err := w.as(ringOf("mlq", 2, old.First())).s.SignAll(w.ctx, false); err != nil || n != (scheduler.Signing{Signed: len(ids)}) {
		t.Fatalf("%+v, %v", n, err)
	}
	alone := w.as(ringOf("mlq", 2))
	for _, id := range ids {
		_, _, err := alone.s.SignedJob(w.ctx, id)
		w.must(err)
	}
}
