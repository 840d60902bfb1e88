package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// draft collects the guards and effects of a commit.
type draft struct {
	guards   []store.Guard
	effects  []store.Effect
	refusals map[int]error // of the guards whose failing is an answer, by place
}

func (d *draft) guard(g ...store.Guard)   { d.guards = append(d.guards, g...) }
func (d *draft) effect(e ...store.Effect) { d.effects = append(d.effects, e...) }

// guardElse adds a guard that refuses the transition with err where it does
// not hold, instead of making it start over.
func (d *draft) guardElse(g store.Guard, err error) {
	if d.refusals == nil {
		d.refusals = make(map[int]error, 1)
	}
	d.refusals[len(d.guards)] = err
	d.guard(g)
}

func (d *draft) commit(identity string) store.Commit {
	return store.Commit{Identity: identity, Guards: d.guards, Effects: d.effects}
}

// place is what a job's state implies outside its record: where it stands and
// what counts it. Everything follows from the record, so that a change of a
// job is the difference of two places, and Check can compare.
type place struct {
	members  []member
	counters map[string]int64
}

type member struct {
	index string
	value []byte
}

func placeOf(j *Job) place {
	p := place{counters: make(map[string]int64, 2)}
	switch {
	case j.State == Queued:
		p.add(queueOf(j), entryMember(j))
		p.addTimed(keyDeadlines, j.ExpiresAt, j.ID)
		p.counters[keyWaiting(j.User)]++
		p.counters[keyQueued(j.Class, j.User)]++
	case j.State == Scheduled:
		p.addTimed(keyScheduled, j.NotBefore, j.ID)
		for _, name := range j.Awaits {
			p.add(keyAwaits, awaitsMember(j.User, name, j.ID))
		}
		p.counters[keyScheduledJobs]++
		p.counters[keyWaiting(j.User)]++
	case j.State.Active():
		p.add(keyActive(j.Attempt().Host), idMember(j.ID))
		if !consumed(j.Class) { // a consumer is no device that others could have
			p.counters[keyHeld(j.User)] += int64(len(j.Attempt().Devices))
		}
	case j.State.Final():
		p.counters[keyEnded(j.State)]++
		if j.callbackDue() {
			p.add(keyCallbacks, callbackMember(j))
		} else if j.ResultTTL > 0 {
			p.addTimed(keyPurge, j.EndedAt.Add(j.ResultTTL), j.ID)
		}
	}
	return p
}

func (p *place) add(index string, value []byte) {
	p.members = append(p.members, member{index, value})
}

func (p *place) addTimed(index string, at time.Time, id JobID) {
	if !at.IsZero() {
		p.add(index, timedMember(at, id))
	}
}

func (p *place) has(m member) bool {
	for _, other := range p.members {
		if other.index == m.index && bytes.Equal(other.value, m.value) {
			return true
		}
	}
	return false
}

// create writes a new job: its record, its place, its event.
func (d *draft) create(j *Job, now time.Time) {
	d.guard(store.Absent(keyJob(j.ID)))
	d.effect(store.Put(keyJob(j.ID), encodeJob(j)))
	d.shift(place{}, placeOf(j))
	d.enterQueue(j)
	d.tell(j, string(j.State), "", now)
}

// change writes a job that was read as before: its record and what follows
// from it. What happened is told by tell.
func (d *draft) change(before, after *Job) {
	d.guard(store.At(keyJob(before.ID), before.Version))
	d.effect(store.Put(keyJob(after.ID), encodeJob(after)))
	d.shift(placeOf(before), placeOf(after))
	if before.State != Queued {
		d.enterQueue(after)
	}
	if before.State.Active() && !after.State.Active() {
		d.use(after)
	}
	if after.State.Final() && !before.State.Final() && after.HasDependents {
		d.effect(store.Index(keySettled, idMember(after.ID)))
	}
}

// enterQueue makes sure that the class of a queued job is listed.
func (d *draft) enterQueue(j *Job) {
	if j.State == Queued && !j.Shared {
		d.effect(store.Index(keyClasses, []byte(j.Class)))
	}
}

// shift turns one place into another.
func (d *draft) shift(from, to place) {
	for _, m := range from.members {
		if !to.has(m) {
			d.effect(store.Unindex(m.index, m.value))
		}
	}
	for _, m := range to.members {
		if !from.has(m) {
			d.effect(store.Index(m.index, m.value))
		}
	}
	for _, key := range sortedKeys(from.counters) {
		if n := to.counters[key] - from.counters[key]; n != 0 {
			d.effect(store.Add(key, n))
		}
	}
	for _, key := range sortedKeys(to.counters) {
		if _, both := from.counters[key]; !both {
			d.effect(store.Add(key, to.counters[key]))
		}
	}
}

// eventRecord is an entry of the log of all events.
type eventRecord struct {
	Job     JobID  `json:"j"`
	User    string `json:"u"`
	Kind    string `json:"k"`
	Text    string `json:"w,omitempty"`
	At      int64  `json:"t"`
	Attempt int    `json:"n,omitempty"`
}

// tell appends an event of the job and hints to those who follow it.
func (d *draft) tell(j *Job, kind, text string, now time.Time) {
	e := eventRecord{Job: j.ID, User: j.User, Kind: kind, Text: text, At: stamp(now), Attempt: len(j.Attempts)}
	d.effect(store.Append(keyEvents, encode(e), KeptEvents), store.Notify(topicChanges, changeValue(j)))
}

func decodeEvent(e store.Entry) (Event, error) {
	var r eventRecord
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	return Event{ID: e.ID, Job: r.Job, User: r.User, Kind: r.Kind, Text: r.Text, At: unstamp(r.At), Attempt: r.Attempt}, nil
}

func changeValue(j *Job) []byte {
	return append(strconv.AppendInt(nil, int64(j.ID), 10), " "+string(j.State)...)
}

func parseChange(b []byte) (Change, bool) {
	idPart, state, ok := bytes.Cut(b, []byte{' '})
	id, err := strconv.ParseInt(string(idPart), 10, 64)
	return Change{Job: JobID(id), State: State(state)}, ok && err == nil
}
