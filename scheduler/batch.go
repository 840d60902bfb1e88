package scheduler

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
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
	need  Need // of who takes it
	asked Need // of a host, by its request
	spec  Spec // not signed yet
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
	limit, from := who.timeLimit(r.Timeout)
	j := Job{
		User: who.User, Unix: who.Unix, Name: r.Name, Class: need.String(), Priority: r.Priority,
		Devices: need.Slots(),
		Timeout: limit, TimeoutFrom: from, QueueTimeout: r.QueueTimeout, Grace: defaultGrace, Retries: r.Retries,
		KeepOnPartition: r.OnPartition == "keep", ResultTTL: who.resultTTL(r.ResultTTL), Hold: r.Hold, After: unique(r.After),
		Message: sub.Message, Functions: sub.Functions,
		Callback: Callback{URL: sub.Callback},
	}
	if j.Name == "" {
		j.Name = sub.Function
	}
	if r.Grace != nil {
		j.Grace = *r.Grace
	}
	spec := Spec{User: who.User, Unix: who.Unix, Media: sub.Media, Body: sub.Body}
	return item{job: j, need: need, asked: need, spec: spec, runAt: r.RunAt}
}

func contentHash(subs []Submission) []byte {
	h := sha256.New()
	var line []byte
	for i := range subs {
		line = append(append(line[:0], subs[i].Media...), ' ')
		line = append(strconv.AppendInt(line, int64(len(subs[i].Body)), 10), '\n')
		h.Write(line)
		h.Write(subs[i].Body)
	}
	return h.Sum(nil)[:16]
}

// unique keeps the first of each id.
func unique(ids []JobID) []JobID {
	if len(ids) < 2 {
		return ids
	}
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

// chunk is what one commit writes: the next jobs of a batch, or several batches
// of one job each that were submitted at the same moment (together.go).
type chunk struct {
	parts    []part
	items    []*item        // of all parts, in order
	specs    [][]byte       // of the items, as they are kept, signed for their ids
	first    JobID          // of the items, which are numbered without gaps
	identity string         // that the ids are good under
	crowded  bool           // many hosts were idle a moment ago: wake different ones each time
	seen     picture        // of the fleet: who is woken first
	ahead    map[string]int // by class and user: jobs that this process is committing now (flight.go)
	// unsure: a commit of this chunk was not answered, so it may be applied yet.
	unsure bool
}

// part is a chunk's share of one batch: the items that follow the given ones.
type part struct {
	*batch
	from, to int     // in the chunk's items
	given    []JobID // before
}

// later is how many jobs of the batch follow in other chunks.
func (p *part) later() int { return len(p.items) - len(p.given) - (p.to - p.from) }

// chunk cuts the items that follow those already given.
func (b *batch) chunk(given []JobID) *chunk {
	from, bytes := len(given), 0
	to := from
	for to < len(b.items) && to-from < chunkJobs && (to == from || bytes+len(b.items[to].spec.Body) <= chunkBytes) {
		bytes += len(b.items[to].spec.Body)
		to++
	}
	c := &chunk{}
	c.add(b, from, to, given)
	return c
}

func (c *chunk) add(b *batch, from, to int, given []JobID) {
	at := len(c.items)
	for i := from; i < to; i++ {
		c.items = append(c.items, &b.items[i])
	}
	c.parts = append(c.parts, part{batch: b, from: at, to: len(c.items), given: given})
}

// keyed: each part has a key.
func (c *chunk) keyed() bool {
	return !slices.ContainsFunc(c.parts, func(p part) bool { return p.key == "" })
}

// firstOf is the id of the part's first item.
func (c *chunk) firstOf(p *part) JobID { return c.first + JobID(p.from) }

func (c *chunk) committed(p *part) committed {
	ids := append(make([]JobID, 0, len(p.given)+p.to-p.from), p.given...)
	for i := p.from; i < p.to; i++ {
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
	for i := range c.parts {
		if p := &c.parts[i]; p.key != "" {
			q.Keys = append(q.Keys, p.idemKey())
		}
	}
	seen := make(map[string]bool)
	for i := range c.items {
		j := &c.items[i].job
		if key := keyFunctions(j.User); j.Message && !seen[key] {
			seen[key] = true
			q.Keys = append(q.Keys, key)
		}
		for _, id := range j.After {
			if key := keyJob(id); !seen[key] {
				seen[key] = true
				q.Keys = append(q.Keys, key)
			}
		}
		if head := headRange(j); !seen[headKey(j)] {
			seen[headKey(j)] = true
			q.Ranges = append(q.Ranges, head)
		}
		if waiting := keyQueued(j.Class, j.User); !seen[waiting] {
			seen[waiting] = true
			q.Counters = append(q.Counters, waiting)
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
