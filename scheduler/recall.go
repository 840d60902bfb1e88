package scheduler

import (
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	// recallFor bounds the age of a memory, and so how far this process's
	// clock can have drifted from the store's since.
	recallFor = 5 * time.Second
	maxRecall = 1024 // jobs
)

// recalls remembers the records of jobs as this process has just committed
// them, so that the next step of the same lease need not read what it wrote:
// most jobs are claimed, started and finished by one agent with nobody else in
// between. A memory may be wrong. What is decided from one is therefore only
// committed, guarded by the version that is remembered, and never answered:
// a refusal, or nothing to do, is decided again from a read.
type recalls struct {
	mu   sync.Mutex
	jobs map[JobID]recalled
}

// recalled is a job's record, and when its commit was answered by this process's clock.
type recalled struct {
	record   store.Record
	identity string
	now      time.Time // the store's
	at       time.Time
}

// keep remembers what a commit made of a job.
func (r *recalls) keep(id JobID, c store.Commit, res store.Result) {
	for _, e := range c.Effects {
		if e.Kind == store.EffectPut && e.Key == keyJob(id) {
			r.put(id, recalled{store.Record{Value: e.Value, Version: res.Revision}, c.Identity, res.Now, time.Now()})
			return
		}
	}
}

func (r *recalls) put(id JobID, m recalled) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jobs == nil || len(r.jobs) >= maxRecall {
		r.jobs = make(map[JobID]recalled)
	}
	r.jobs[id] = m
}

// take gives what is remembered of a job, once, as an answer to the query for
// its record.
func (r *recalls) take(id JobID) (store.Answer, bool) {
	r.mu.Lock()
	m, ok := r.jobs[id]
	delete(r.jobs, id)
	r.mu.Unlock()
	age := time.Since(m.at)
	if !ok || age > recallFor {
		return store.Answer{}, false
	}
	return store.Answer{Records: []store.Record{m.record}, Identity: m.identity, Now: m.now.Add(age)}, true
}
