package scheduler

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// batch is a submit, checked and turned into jobs that lack only what the
// store decides: id, rank, times, state.
type batch struct {
	who     Who
	items   []item
	scope   string // of key
	key     string
	content []byte // hash of all bodies, where there is a key
}

type item struct {
	job   Job
	need  Need
	spec  []byte
	runAt time.Time
}

// Scopes of idempotency keys: those of requests to submit, and those that
// users give to single jobs.
const (
	scopeSubmit = "submit"
	scopeJob    = "job"
)

// newBatches checks all submissions and groups them: those with a key of their
// own stand alone, all others are one batch under the submit's key. places
// tells which of the submissions each batch holds.
func newBatches(who Who, subs []Submission, key string) (batches []*batch, places [][]int, err error) {
	if err := checkWho(who); err != nil {
		return nil, nil, err
	}
	if len(subs) == 0 {
		return nil, nil, &FieldError{"jobs", "there are none"}
	}
	if len(key) > maxKeyChars {
		return nil, nil, &FieldError{"Idempotency-Key", fmt.Sprintf("has more than %d bytes", maxKeyChars)}
	}
	var rest []int
	for i := range subs {
		if err := subs[i].Request.validate(who); err != nil {
			return nil, nil, inBatch(err, i, len(subs))
		}
		if own := subs[i].Request.Key; own != "" {
			batches = append(batches, newBatch(who, subs[i:i+1], scopeJob, own))
			places = append(places, []int{i})
			continue
		}
		rest = append(rest, i)
	}
	if len(rest) > 0 {
		batches = append(batches, newBatch(who, pick(subs, rest), scopeSubmit, key))
		places = append(places, rest)
	}
	return batches, places, nil
}

func pick(subs []Submission, which []int) []Submission {
	if len(which) == len(subs) {
		return subs
	}
	out := make([]Submission, len(which))
	for i, n := range which {
		out[i] = subs[n]
	}
	return out
}

func newBatch(who Who, subs []Submission, scope, key string) *batch {
	b := &batch{who: who, scope: scope, key: key, items: make([]item, len(subs))}
	for i := range subs {
		b.items[i] = newItem(who, &subs[i])
	}
	if key != "" {
		b.content = contentHash(subs)
	}
	return b
}

// inBatch says which member of a batch is wrong.
func inBatch(err error, i, n int) error {
	if n == 1 {
		return err
	}
	return fmt.Errorf("job %d of %d: %w", i+1, n, err)
}

func newItem(who Who, sub *Submission) item {
	r := &sub.Request
	need := r.Need(sub.PythonVersion)
	j := Job{
		User: who.User, Unix: who.Unix, Name: r.Name, Class: need.String(), Priority: r.Priority,
		Devices: need.Slots(), MaxDevices: who.MaxDevices,
		Timeout: who.timeLimit(r.Timeout), QueueTimeout: r.QueueTimeout, Grace: defaultGrace, Retries: r.Retries,
		KeepOnPartition: r.OnPartition == "keep", ResultTTL: r.ResultTTL, After: unique(r.After),
	}
	if j.Name == "" {
		j.Name = sub.Function
	}
	if r.Grace != nil {
		j.Grace = *r.Grace
	}
	spec := Spec{User: who.User, Unix: who.Unix, Media: sub.Media, Body: sub.Body}
	return item{job: j, need: need, spec: encodeSpec(spec), runAt: r.RunAt}
}

func contentHash(subs []Submission) []byte {
	h := sha256.New()
	for i := range subs {
		fmt.Fprintf(h, "%s %d\n", subs[i].Media, len(subs[i].Body))
		h.Write(subs[i].Body)
	}
	return h.Sum(nil)[:16]
}

// unique keeps the first of each id.
func unique(ids []JobID) []JobID {
	var out []JobID
	seen := make(map[JobID]bool, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// chunk is the part of a batch that one commit writes.
type chunk struct {
	*batch
	items    []item
	first    JobID
	identity string         // that the ids are good under
	given    []JobID        // of the items before
	crowded  bool           // many hosts were idle a moment ago: wake different ones each time
	ahead    map[string]int // by class: jobs of this user that this process is committing now (flight.go)
}

// chunk cuts the items from the given one on.
func (b *batch) chunk(from int) *chunk {
	to, bytes := from, 0
	for to < len(b.items) && to-from < chunkJobs && (to == from || bytes+len(b.items[to].spec) <= chunkBytes) {
		bytes += len(b.items[to].spec)
		to++
	}
	return &chunk{batch: b, items: b.items[from:to]}
}

func (c *chunk) committed() committed {
	ids := append([]JobID(nil), c.given...)
	for i := range c.items {
		ids = append(ids, c.first+JobID(i))
	}
	return committed{ids: ids}
}

// query reads, in one round trip, all that the chunk's decision needs.
func (c *chunk) query() store.Query {
	q := store.Query{Keys: []string{keyEpoch}, Ranges: firstIdle()}
	if c.crowded {
		q.Ranges = idleRanges(idText(c.first))
	}
	if c.key != "" {
		q.Keys = append(q.Keys, c.idemKey())
	}
	seen := make(map[string]bool)
	for i := range c.items {
		j := &c.items[i].job
		for _, id := range j.After {
			if key := keyJob(id); !seen[key] {
				seen[key] = true
				q.Keys = append(q.Keys, key)
			}
		}
		if head := headRange(j); !seen[headKey(j)] {
			seen[headKey(j)] = true
			q.Ranges = append(q.Ranges, head)
			q.Counters = append(q.Counters, keyQueued(j.Class, j.User))
		}
	}
	return q
}

// headRange reads the first waiting job of the same class and priority: its
// rank is the round that the class is in.
func headRange(j *Job) store.Range {
	return store.Range{
		Index: queueOf(j), From: priorityPrefix(j.Priority), To: priorityPrefix(j.Priority - 1), Limit: 1,
	}
}

func headKey(j *Job) string { return queueOf(j) + string(binary.AppendVarint(nil, int64(j.Priority))) }
