package check

import (
	"cmp"
	"fmt"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// ms is what the times of these records are told in.
const ms = int64(1e6)

// fence of an attempt, by when it was claimed.
func fence(claimed int64) uint64 { return uint64(1000 + claimed) }

// try is one attempt of a job in a test: when it was claimed, wrote its first
// and its last line, and ended, all in ms; how; and where.
type try struct {
	claimed, from, to, ended int64
	outcome                  string
	cause                    string // of a failure; "": the planned one
	host, device             string
	fence                    uint64 // 0: by when it was claimed
	unwritten                bool   // its process wrote nothing
}

// builder makes records.
type builder struct{ record.Record }

func newBuilder() *builder {
	b := &builder{}
	b.World = record.World{Seed: 1, Scale: 20, RecoveryNS: 4000 * ms, PauseGraceNS: 100 * ms, BelieveNS: 3000 * ms}
	return b
}

// job adds a job with its submit, attempts and what they wrote.
func (b *builder) job(id int64, state string, tries ...try) *record.Job {
	name := fmt.Sprint("job-", id)
	b.Ops = append(b.Ops, record.Op{Client: "ana", Op: record.Submit, Job: id, Name: name, CallNS: 1 * ms, ReturnNS: 2 * ms})
	j := record.Job{ID: id, Name: name, State: state, Cancelled: state == "cancelled"}
	for i, t := range tries {
		if t.fence == 0 {
			t.fence = fence(t.claimed)
		}
		a := record.Attempt{
			N: i + 1, Fence: t.fence, Host: t.host, Devices: []string{t.device}, Outcome: t.outcome, ClaimedNS: t.claimed * ms, EndedNS: t.ended * ms,
		}
		if t.outcome == "failed" {
			a.Cause = cmp.Or(t.cause, "ValueError: "+planned)
		}
		if t.from != 0 {
			a.StartedNS = t.from * ms
		}
		j.Attempts = append(j.Attempts, a)
		if t.from != 0 && !t.unwritten {
			b.lived(id, i+1, t)
		}
		if t.outcome == "succeeded" {
			j.Result = value(id, t.fence)
		}
	}
	b.Jobs = append(b.Jobs, j)
	return &b.Jobs[len(b.Jobs)-1]
}

func value(job int64, fence uint64) string { return fmt.Sprintf("%d %d", job, fence) }

// lived adds the lines of an attempt: one every 20 ms.
func (b *builder) lived(job int64, n int, t try) {
	line := record.Truth{Job: job, Attempt: n, Fence: t.fence, Device: t.device, Host: t.host}
	if line.Fence == 0 {
		line.Fence = fence(t.claimed)
	}
	for at := t.from; at <= t.to; at += 20 {
		line.Kind, line.BootNS = record.Beat, at*ms
		if at == t.from {
			line.Kind = record.Start
		}
		b.Truth = append(b.Truth, line)
	}
	if t.outcome == "succeeded" {
		line.Kind, line.BootNS, line.Value = record.End, t.to*ms, value(job, line.Fence)
		b.Truth = append(b.Truth, line)
	}
}

func (b *builder) op(o record.Op, call, ret int64) {
	o.Client, o.CallNS, o.ReturnNS = "bo", call*ms, ret*ms
	b.Ops = append(b.Ops, o)
}

// again is a submit of a job that a lossy store took, and that is there as another.
func (b *builder) again() *record.Op {
	b.job(2, "succeeded", once(300))
	b.interval(record.Loss, "", 0, 20)
	op := &b.Ops[len(b.Ops)-1]
	op.Job = 1
	return op
}

func (b *builder) interval(kind, host string, from, to int64) {
	b.Intervals = append(b.Intervals, record.Interval{Kind: kind, Host: host, FromNS: from * ms, ToNS: to * ms})
}

// once is an attempt that succeeds, lost one that is lost.
func once(at int64) try {
	return try{claimed: at, from: at + 20, to: at + 200, ended: at + 220, outcome: "succeeded", host: "h1", device: "d1"}
}

func lost(at int64) try {
	t := once(at)
	t.outcome, t.ended = "lost", at+4000
	return t
}

// elsewhere is the same attempt on another host.
func elsewhere(t try) try {
	t.host, t.device = "h2", "d2"
	return t
}
