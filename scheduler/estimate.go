package scheduler

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	// medianOf is how many of the last successes make up an expectation.
	medianOf = 20
	// maxReplay bounds the jobs ahead that an estimate replays.
	maxReplay = 200
)

// estimate replays the choices over the jobs ahead of this one, each lasting
// as long as the median of its user's and name's last successes, or half its
// time limit. The range comes from half to twice that. Where a job that counts
// has neither, the estimate is unknown, and says so.
func (s *Scheduler) estimate(ctx context.Context, sc scene, job *Job) (Estimate, error) {
	unknown := func(why string) (Estimate, error) { return Estimate{Basis: "unknown: " + why}, nil }
	if why := sc.keptBack(job); why != "" {
		return unknown(why)
	}
	if sc.ahead >= maxReplay {
		return unknown(fmt.Sprintf("%s jobs are ahead", upTo(sc.ahead)))
	}
	jobs, err := s.jobsAhead(ctx, sc, job)
	if err != nil {
		return Estimate{}, err
	}
	for _, l := range sc.leases {
		jobs = append(jobs, Job{ID: l.Job, User: l.User, Name: l.Name, Timeout: endsIn(l)})
	}
	lasts, err := s.expectations(ctx, jobs)
	if err != nil {
		return Estimate{}, err
	}
	wait, missing := sc.replay(job, jobs[:len(jobs)-len(sc.leases)], lasts)
	if missing != "" {
		return unknown(missing)
	}
	return Estimate{
		Known: true, Earliest: wait / 2, Latest: 2 * wait,
		Basis: fmt.Sprintf("%s ahead and %d running, each as long as its like took before (median of up to %d), or half its time limit", jobsInWords(sc.ahead), len(sc.leases), medianOf),
	}, nil
}

func jobsInWords(n int64) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// keptBack says what keeps a job that is no matter of devices, and so is not
// replayed; "": nothing.
func (sc *scene) keptBack(job *Job) string {
	switch until, held := sc.epoch.holds(job.Epoch, sc.now); {
	case sc.unadopted:
		return "no server has adopted the store yet"
	case held:
		return "jobs from before the store's restart wait until " + until
	case job.Consumed():
		return "it waits for a process that takes messages, and how long one needs for each is not known"
	case sc.limited(job):
		return fmt.Sprintf("%s holds as many devices as they may", job.User)
	}
	return ""
}

// shuns reports whether a host that could run the job does not take it now.
func (sc *scene) shuns(h *Host, job *Job) bool {
	return job.avoids(h.Host, sc.now, sc.timing) || slices.Contains(h.Barred, Barred{Dir: sc.need.WorkDir, Unix: job.Unix})
}

func endsIn(l Lease) time.Duration {
	if l.EndsBy.IsZero() {
		return 0
	}
	return l.EndsBy.Sub(l.Since)
}

func (s *Scheduler) jobsAhead(ctx context.Context, sc scene, job *Job) ([]Job, error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: queueOf(job), To: entryMember(job), Limit: maxReplay}}})
	if err != nil {
		return nil, err
	}
	var ids []JobID
	for _, m := range a.Ranges[0] {
		if e, err := parseEntry(job.Class, m); err == nil {
			ids = append(ids, e.Job)
		}
	}
	return s.readJobs(ctx, ids)
}

// expectations gives how long each of the jobs will take; absent: nobody knows.
func (s *Scheduler) expectations(ctx context.Context, jobs []Job) (map[JobID]time.Duration, error) {
	var q store.Query
	at := make(map[string]int)
	for i := range jobs {
		key := keyDurations(durationBucket(jobs[i].User, jobs[i].Name))
		if _, seen := at[key]; !seen {
			at[key] = len(q.Logs)
			q.Logs = append(q.Logs, store.LogRange{Log: key, Limit: 2 * keepDurations})
		}
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make(map[JobID]time.Duration, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		d := medianDuration(a.Logs[at[keyDurations(durationBucket(j.User, j.Name))]], j.User, j.Name)
		if d == 0 {
			d = j.Timeout / 2
		}
		if d > 0 {
			out[j.ID] = d
		}
	}
	return out, nil
}

// medianDuration is the median of the last successes of this user and name; 0: there are none.
func medianDuration(entries []store.Entry, user, name string) time.Duration {
	var last []time.Duration
	want := hash64(user, name)
	for _, e := range slices.Backward(entries) {
		if len(e.Value) == 16 && binary.BigEndian.Uint64(e.Value) == want && len(last) < medianOf {
			last = append(last, time.Duration(binary.BigEndian.Uint64(e.Value[8:]))*time.Millisecond)
		}
	}
	if len(last) == 0 {
		return 0
	}
	slices.Sort(last)
	return max(last[len(last)/2], time.Millisecond)
}
