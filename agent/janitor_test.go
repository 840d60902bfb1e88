package agent

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// The janitor removes the folders of jobs that ended long ago, and of those that
// the store does not know; never that of a job that may run again.
func TestJanitorKeepsWhatMayBeNeeded(t *testing.T) {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming()})
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{opts: Options{Scheduler: s, KeepWork: DefaultKeepWork}, workdirs: &workdirs{root: t.TempDir()}}
	p, err := submission.Parse(scheduler.MediaJSON, []byte(`{"command": ["true"]}`))
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.Submit(t.Context(), scheduler.Who{User: "ana"}, []scheduler.Submission{p.Submission, p.Submission, p.Submission}, "")
	if err != nil {
		t.Fatal(err)
	}
	waiting, ended, replaced := done.IDs[0], done.IDs[1], done.IDs[2]
	if _, _, err := s.Cancel(t.Context(), ended, "ana"); err != nil {
		t.Fatal(err)
	}
	dirs := map[scheduler.JobID]string{}
	for _, id := range done.IDs {
		job := a.jobOf(t, id)
		if id == replaced { // the folder is of another store's job with that number
			job.Submitted = job.Submitted.Add(-time.Hour)
		}
		dirs[id] = makeDir(t, a.workdirs, job)
	}
	unknown := scheduler.JobID(999)
	dirs[unknown] = makeDir(t, a.workdirs, scheduler.Job{ID: unknown, Submitted: time.Now()})

	for _, step := range []struct {
		after time.Duration
		there map[scheduler.JobID]bool
	}{
		{DefaultKeepWork - time.Hour, map[scheduler.JobID]bool{waiting: true, ended: true, replaced: true, unknown: true}},
		{DefaultKeepWork + time.Hour, map[scheduler.JobID]bool{waiting: true}},
		{10 * DefaultKeepWork, map[scheduler.JobID]bool{waiting: true}},
	} {
		if err := a.sweepJobs(t.Context(), time.Now().Add(step.after)); err != nil {
			t.Fatal(err)
		}
		for id, dir := range dirs {
			if exists(dir) != step.there[id] || exists(a.workdirs.tagPath(id)) != step.there[id] {
				t.Errorf("after %v the folder of job %d is there: %v", step.after, id, exists(dir))
			}
		}
	}
}

func (a *Agent) jobOf(t *testing.T, id scheduler.JobID) scheduler.Job {
	t.Helper()
	job, err := a.opts.Scheduler.Job(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// A store that cannot be asked removes nothing.
func TestJanitorWithoutAStore(t *testing.T) {
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	s, err := scheduler.New(st, scheduler.Options{Timing: scheduler.DefaultTiming()})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	a := &Agent{opts: Options{Scheduler: s, KeepWork: time.Nanosecond}, workdirs: &workdirs{root: t.TempDir()}}
	dir := makeDir(t, a.workdirs, scheduler.Job{ID: 1, Submitted: time.Now()})
	if err := a.sweepJobs(t.Context(), time.Now().Add(time.Hour)); err == nil {
		t.Error("no word of it")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the folder is gone: %v", err)
	}
}
