package scheduler_test

import (
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// A job that would start at once is known to wait for 0 s; that is not "unknown".
func TestEstimateOfNoWait(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	w.host("a", 1)
	why, err := w.s.Why(w.ctx, w.submit("ana"), scheduler.Shown{})
	w.must(err)
	if !why.Estimate.Known || why.Estimate.Latest != 0 {
		t.Errorf("%+v", why.Estimate)
	}
}

// A batch of several chunks that has no room as a whole leaves nothing behind.
func TestBatchWithoutRoomForAll(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	_, err := w.submitN("ana", 600)
	w.must(err)
	who := scheduler.Who{User: "ana", MaxQueued: 1500}
	batch := make([]scheduler.Submission, 1000)
	for i := range batch {
		batch[i] = scheduler.Submission{Media: scheduler.MediaJSON, Body: []byte(`{"msg": 1}`), Function: "train"}
	}
	_, err = w.s.Submit(w.ctx, who, batch, "")
	w.wantErr(err, scheduler.ErrQuota)
	if n := w.waiting(); n != 600 {
		t.Errorf("%d jobs wait after the refusal, want 600", n)
	}
	_, err = w.s.Submit(w.ctx, who, batch[:900], "")
	w.must(err)
	if n := w.waiting(); n != 1500 {
		t.Errorf("%d jobs wait, want 1500", n)
	}
}

func (w *world) waiting() int64 {
	w.Helper()
	counts, err := w.s.JobCount(w.ctx)
	w.must(err)
	return counts[scheduler.Queued]
}
