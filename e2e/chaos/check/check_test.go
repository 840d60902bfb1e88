package check

import (
	"os"
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// sample is a small record.
type sample struct {
	name   string
	breaks string // "": nothing
	build  func(b *builder)
}

// cases are records that are right, and for each invariant those that break it
// and nothing else.
var cases = []sample{
	{"a job that succeeds", "", func(b *builder) { b.job(1, "succeeded", once(10)) }},
	{"a job that is lost and runs again", "", func(b *builder) { b.job(1, "succeeded", lost(10), elsewhere(once(5000))) }},
	{"jobs one after the other on a device", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.job(2, "succeeded", once(230))
	}},
	{"a submit without an answer, done", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Ops[0].Job, b.Ops[0].Unknown, b.Ops[0].ReturnNS = 0, true, 0
	}},
	{"a submit without an answer, not done", "", func(b *builder) {
		b.op(record.Op{Op: record.Submit, Name: "x", Unknown: true}, 1, 0)
	}},
	{"a submit that was refused", "", func(b *builder) { b.op(record.Op{Op: record.Submit, Name: "x", Refused: "quota"}, 1, 2) }},
	{"a submit that was repeated", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Submit, Job: 1, Name: "job-1"}, 50, 400)
	}},
	{"cancels without an answer: done, and not", "", func(b *builder) {
		b.job(1, "cancelled")
		b.op(record.Op{Op: record.Cancel, Job: 1, Unknown: true}, 3, 0)
		b.job(2, "succeeded", once(10))
		b.op(record.Op{Op: record.Cancel, Job: 2, Unknown: true}, 3, 0)
	}},
	{"a cancel of what runs", "", func(b *builder) {
		t := once(10)
		t.outcome = "cancelled"
		b.job(1, "cancelled", t)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "running"}, 25, 28)
		b.op(record.Op{Op: record.Get, Job: 1, State: "cancelled", Attempts: 1, Fence: fence(10)}, 300, 301)
	}},
	{"a cancel of what has no line yet", "", func(b *builder) {
		t := once(10)
		t.outcome = "cancelled"
		b.job(1, "cancelled", t)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "running"}, 15, 18)
	}},
	{"a cancel that came too late", "", func(b *builder) {
		b.job(1, "succeeded", once(10)).Cancelled = true
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "running"}, 205, 206)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "succeeded", Already: true}, 305, 306)
	}},
	{"looks all along", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, State: "queued"}, 3, 12)
		b.op(record.Op{Op: record.Get, Job: 1, State: "running", Attempts: 1, Fence: fence(10)}, 40, 50)
		b.op(record.Op{Op: record.Get, Job: 1, Unknown: true}, 60, 70)
		b.op(record.Op{Op: record.Get, Job: 1, State: "succeeded", Attempts: 1, Fence: fence(10), Result: value(1, fence(10))}, 400, 500)
	}},
	{"a requeue", "", func(b *builder) {
		b.job(1, "cancelled").RequeuedAs = 2
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 3, 4)
		b.op(record.Op{Op: record.Requeue, Job: 1, NewJob: 2}, 5, 6)
		b.Jobs = append(b.Jobs, record.Job{ID: 2, Name: "job-1", State: "cancelled", Cancelled: true, RequeueOf: 1})
		b.op(record.Op{Op: record.Cancel, Job: 2, State: "cancelled"}, 7, 8)
	}},
	{"a host that stood still", "", func(b *builder) {
		t := lost(10)
		t.to = 5100
		b.job(1, "succeeded", t, elsewhere(once(4050)))
		b.interval(record.Pause, "h1", 100, 5050)
	}},
	{"what a lossy store took", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs = nil
		b.job(2, "succeeded", once(300))
		b.op(record.Op{Op: record.Cancel, Job: 2, State: "cancelled"}, 10, 11)
		b.op(record.Op{Op: record.Get, Job: 2, State: "cancelled"}, 12, 13)
		b.interval(record.Loss, "", 2, 20)
	}},
	{"a submit whose job and key a lossy store took, done by one of its tries that nobody waited for", "", func(b *builder) {
		b.again().Tries = 2
	}},
	{"a submit whose job and key a lossy store took, done by a copy of the request", "", func(b *builder) {
		b.again()
		b.Faults = []record.Fault{
			{ID: 3, Fault: "F10", Target: "client", Step: record.Inject, AtNS: 2 * ms},
			{ID: 3, Fault: "F10", Target: "client", Step: record.Heal, AtNS: 9 * ms},
		}
	}},
	{"a dead host, and no store meanwhile", "", func(b *builder) {
		b.job(1, "succeeded", func() try { t := lost(10); t.ended = 8000; return t }(), elsewhere(once(8000)))
		b.interval(record.Silent, "h1", 200, 10000)
		b.interval(record.Outage, "", 1000, 5000)
	}},
	{"looks that find nothing: before the submit, and of what the store was losing", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, Refused: "not-found"}, 0, 1)
		b.op(record.Op{Op: record.Get, Job: 1, Refused: "not-found"}, 305, 306)
		b.interval(record.Loss, "", 300, 310)
	}},

	{"two attempts at once", "I1", func(b *builder) {
		t := lost(10)
		t.to = 5100
		b.job(1, "succeeded", t, elsewhere(once(5000)))
	}},
	{"a host goes on long after it woke", "I1", func(b *builder) {
		t := lost(10)
		t.to = 5300
		b.job(1, "succeeded", t, elsewhere(once(5000)))
		b.interval(record.Pause, "h1", 100, 5050)
	}},
	{"a device with two jobs", "I2", func(b *builder) {
		b.job(1, "succeeded", once(10))
		t := once(230)
		t.from = 190
		b.job(2, "succeeded", t)
	}},
	{"a device with two leases", "I2", func(b *builder) {
		b.job(1, "succeeded", once(10))
		t := once(230)
		t.claimed = 215
		b.job(2, "succeeded", t)
	}},
	{"a job that is gone", "I3", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs = nil
	}},
	{"a job that never ends", "I3", func(b *builder) { b.job(1, "queued") }},
	{"an end that did not stay", "I3", func(b *builder) {
		t := once(10)
		t.outcome = "failed"
		b.job(1, "failed", t)
		b.op(record.Op{Op: record.Get, Job: 1, State: "cancelled"}, 300, 301)
	}},
	{"a job that runs after its end", "I3", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, State: "succeeded", Attempts: 1, Fence: fence(10), Result: value(1, fence(10))}, 400, 401)
		b.lived(1, 2, elsewhere(lost(500)))
	}},
	{"a stale result", "I4", func(b *builder) {
		first := lost(10)
		j := b.job(1, "succeeded", first, elsewhere(once(5000)))
		b.Truth = append(b.Truth, record.Truth{Kind: record.End, Job: 1, Attempt: 1, Fence: fence(10), Device: "d1", Host: "h1", BootNS: 215 * ms, Value: value(1, fence(10))})
		j.Result = value(1, fence(10))
	}},
	{"a result that nobody returned", "I4", func(b *builder) { b.job(1, "succeeded", once(10)).Result = "damaged" }},
	{"a result that changed", "I4", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, State: "succeeded", Attempts: 1, Fence: fence(10), Result: "another"}, 400, 401)
	}},
	{"two accepted attempts", "I4", func(b *builder) { b.job(1, "succeeded", once(10), elsewhere(once(500))) }},
	{"fences of a job that go back", "I5", func(b *builder) {
		t := once(5000)
		t.fence = 5
		b.job(1, "succeeded", lost(10), elsewhere(t))
	}},
	{"a fence twice on a device", "I5", func(b *builder) {
		b.job(1, "succeeded", once(10))
		t := once(300)
		t.fence = fence(10)
		b.job(2, "succeeded", t)
	}},
	{"a fence twice for a job", "I5", func(b *builder) {
		b.job(1, "succeeded", once(5000))
		t := once(10)
		t.fence, t.outcome = fence(5000), ""
		b.lived(1, 1, t)
	}},
	{"a fence below the last but one, after one of a host that stood still", "I5", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.interval(record.Pause, "h1", 290, 310)
		for i, f := range []uint64{3, 5} {
			t := once(300 + 300*int64(i))
			t.fence = f
			b.job(int64(i)+2, "succeeded", t)
		}
	}},
	{"something to repair", "I6", func(b *builder) { b.Findings = append(b.Findings, record.Finding{Text: "a stray member"}) }},
	{"a process that is left", "I6", func(b *builder) { b.Orphans = append(b.Orphans, record.Orphan{Host: "h1", What: "pid 7"}) }},
	{"a dead host's lease", "I7", func(b *builder) {
		b.job(1, "succeeded", func() try { t := lost(10); t.ended = 8000; return t }(), elsewhere(once(8000)))
		b.interval(record.Silent, "h1", 200, 10000)
	}},
	{"a start after the cancel", "I8", func(b *builder) {
		t := once(10)
		t.outcome = "cancelled"
		b.job(1, "cancelled", t)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "leased"}, 15, 18)
	}},
	{"a start after the cancel, before its first line", "I8", func(b *builder) {
		t := once(10)
		t.outcome, t.unwritten = "cancelled", true
		b.job(1, "cancelled", t)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "leased"}, 15, 18)
	}},
	{"a second attempt after the cancel", "I8", func(b *builder) {
		last := once(5000)
		last.outcome = "cancelled"
		b.job(1, "cancelled", lost(10), elsewhere(last))
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "running"}, 100, 101)
	}},
	{"a job that nobody submitted", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Ops = nil
	}},
	{"a job that was refused and is there", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Ops[0].Job, b.Ops[0].Refused = 0, "quota"
	}},
	{"one submit, two jobs", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.job(2, "succeeded", once(300)).Name = "job-1"
		b.Ops = b.Ops[:1]
	}},
	{"a requeue that nobody asked for", "conservation", func(b *builder) {
		b.job(1, "cancelled").RequeuedAs = 2
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 3, 4)
		b.op(record.Op{Op: record.Requeue, Job: 1, Refused: "quota"}, 5, 6)
		b.Jobs = append(b.Jobs, record.Job{ID: 2, Name: "job-1", State: "cancelled", Cancelled: true, RequeueOf: 1})
		b.op(record.Op{Op: record.Cancel, Job: 2, State: "cancelled"}, 7, 8)
	}},
	{"an id for two", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Submit, Job: 1, Name: "other"}, 5, 6)
	}},
	{"a submit that nobody repeated, whose job is there again", "linearizable", func(b *builder) {
		b.again()
		b.Faults = []record.Fault{
			{ID: 3, Fault: "F10", Target: "client", Step: record.Inject, AtNS: 3 * ms},
			{ID: 4, Fault: "F10", Target: "h1", Step: record.Inject, AtNS: 1 * ms},
		}
	}},
	{"a look into the past", "linearizable", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, State: "running", Attempts: 1, Fence: fence(10)}, 40, 50)
		b.op(record.Op{Op: record.Get, Job: 1, State: "queued"}, 60, 70)
	}},
	{"a look that does not find what is there", "linearizable", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, Refused: "not-found"}, 305, 306)
	}},
	{"a cancel that was forgotten", "linearizable", func(b *builder) {
		t := once(10)
		t.outcome = "failed"
		b.job(1, "failed", t)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 300, 301)
	}},
	{"a fence that no record has", "linearizable", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, State: "running", Attempts: 1, Fence: 7}, 40, 50)
	}},
}

// TestInvariants: each record breaks what it should, that alone, or nothing.
func TestInvariants(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(cases, identities, leases, cancels, ends, tries, clocks, stillWrong, lostFences, twoMasters, badFences) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder()
			c.build(b)
			dir := t.TempDir()
			report := Run(&b.Record, dir)
			want := []string{c.breaks}
			if c.breaks == "" {
				want = nil
			}
			if got := report.Broken(); !slices.Equal(got, want) {
				t.Errorf("broken: %q, want %q: %v", got, want, report.Err())
			}
			pictures, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(pictures); (got == 1) != (c.breaks == "linearizable") {
				t.Errorf("%d pictures", got)
			}
		})
	}
}

// TestLine: the line says what was found, and an empty report is no error.
func TestLine(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.job(1, "succeeded", once(10)).Result = "another"
	b.job(2, "queued")
	b.Faults = []record.Fault{{ID: 1, Fault: "F1", Step: record.Inject}, {ID: 1, Fault: "F1", Step: record.Heal}}
	report := Run(&b.Record, t.TempDir())
	if got, want := report.Line(7), "2 jobs, 1 faults, 1 lost, 0 double, 1 stale, seed 7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if report.Err() == nil || new(Report).Err() != nil {
		t.Errorf("errors: %v, %v", report.Err(), new(Report).Err())
	}
}

// TestScope: a report says what it excused, and how often a rule had something to judge.
func TestScope(t *testing.T) {
	t.Parallel()
	b := newBuilder()
	b.job(1, "succeeded", once(10))
	b.Jobs = nil
	b.job(2, "succeeded", once(300))
	b.interval(record.Loss, "", 2, 12)
	b.interval(record.Loss, "", 4, 22)
	b.interval(record.Silent, "h1", 1000, 4999) // shorter than a recovery
	b.interval(record.Silent, "h2", 1000, 5000)
	report := Run(&b.Record, t.TempDir())
	want := "2 jobs were made, 1 of them lost with the store in 20ms in which it lost writes (0 made again by copies of their requests); 1 hosts were dead until their leases had to end"
	if got := report.Scope(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestManyAttempts: Porcupine has a verdict at once, also on the longest life
// that a job can have, and where it is impossible.
func TestManyAttempts(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"possible": 100_000, "impossible": 50} {
		b := newBuilder()
		var tries []try
		for i := range int64(24) {
			tries = append(tries, try{claimed: 100 + 1000*i, ended: 1000 + 1000*i, outcome: "released", host: "h1", device: "d1"})
		}
		b.job(1, "cancelled", tries...)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, at, at+1)
		b.op(record.Op{Op: record.Get, Job: 1, State: "queued", Attempts: 3, Fence: fence(2100)}, 3500, 3600)
		report := Run(&b.Record, t.TempDir())
		if got := len(report.Violations); (got == 0) != (name == "possible") {
			t.Errorf("%s: %v", name, report.Err())
		}
	}
}
