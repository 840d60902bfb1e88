package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// identities are records in which an id is told to the wrong one.
var identities = []sample{
	{"a job whose id went to one whose submit had no answer", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10)).Name = "other"
		b.op(record.Op{Op: record.Submit, Name: "other", Unknown: true}, 5, 0)
	}},
	{"a requeue whose id went to another job", "conservation", func(b *builder) {
		b.requeued()
		b.Jobs[1].Name, b.Jobs[1].RequeueOf, b.Jobs[0].RequeuedAs = "other", 0, 0
		b.op(record.Op{Op: record.Submit, Name: "other", Unknown: true}, 5, 0)
	}},
	{"an id for a submit and for a requeue", "conservation", func(b *builder) {
		b.requeued()
		b.Jobs = b.Jobs[:1]
		b.interval(record.Loss, "", 5, 6)
		b.op(record.Op{Op: record.Submit, Job: 2, Name: "other"}, 5, 6)
	}},
	{"a look at one job that shows another", "conservation", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Get, Job: 1, Shown: 2, State: "queued"}, 3, 4)
	}},
}

// requeued adds a job that was cancelled and is run again, as job 2.
func (b *builder) requeued() {
	b.job(1, "cancelled").RequeuedAs = 2
	b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 3, 4)
	b.op(record.Op{Op: record.Requeue, Job: 1, NewJob: 2}, 5, 6)
	b.op(record.Op{Op: record.Cancel, Job: 2, State: "cancelled"}, 7, 8)
	b.Jobs = append(b.Jobs, record.Job{ID: 2, Name: "job-1", State: "cancelled", Cancelled: true, RequeueOf: 1})
}

// cancels are records of cancels that nobody asked for, or that do nothing.
var cancels = []sample{
	{"a running job that is cancelled by nobody", "linearizable", func(b *builder) {
		t := once(10)
		t.outcome = "cancelled"
		b.job(1, "cancelled", t)
	}},
	{"a cancel that nobody asked for, too late", "linearizable", func(b *builder) { b.job(1, "succeeded", once(10)).Cancelled = true }},
	{"a cancel that does nothing", "linearizable", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "running"}, 40, 41)
	}},
}

// ends are records of jobs that end otherwise than it is told, or start too soon.
var ends = []sample{
	{"a job after another", "", func(b *builder) { b.follows(lost(10), once(5000), once(5300)) }},
	{"a job that cannot follow", "", func(b *builder) {
		b.job(1, "cancelled")
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 3, 4)
		b.job(2, "failed").Reason = "dependency"
		b.Ops[2].After = []int64{1}
	}},
	{"a job after one that the store lost", "", func(b *builder) {
		b.job(2, "failed").Reason = "dependency"
		b.Ops[0].After = []int64{1}
	}},
	{"a host without room for a result", "", func(b *builder) {
		b.toldAsFailed()
		b.Faults = []record.Fault{{ID: 1, Fault: "F28", Target: "h1", Step: record.Inject, AtNS: 200 * ms}}
	}},

	{"a host without room to run a job", "", func(b *builder) {
		b.job(1, "failed", unplanned())
		b.Faults = []record.Fault{{ID: 1, Fault: "F28", Target: "h1", Step: record.Inject, AtNS: 20 * ms}}
	}},
	{"a planned failure, and a success after it", "", func(b *builder) {
		t := unplanned()
		t.cause = ""
		b.job(1, "succeeded", t, elsewhere(once(500)))
	}},

	{"a result that is told as a failure", "I4", (*builder).toldAsFailed},
	{"a result that is told as a failure, with another host full", "I4", func(b *builder) {
		b.toldAsFailed()
		b.Faults = []record.Fault{{ID: 1, Fault: "F28", Target: "h2", Step: record.Inject, AtNS: 200 * ms}}
	}},
	{"a failure that was not planned", "I4", func(b *builder) { b.job(1, "failed", unplanned()) }},
	{"a failure that was not planned, before its process ran", "I4", func(b *builder) {
		t := unplanned()
		t.from, t.unwritten = 0, true
		b.job(1, "failed", t)
	}},
	{"a failure that was not planned, and a success after it", "I4", func(b *builder) { b.job(1, "succeeded", unplanned(), elsewhere(once(500))) }},
	{"a job that expires", "I3", func(b *builder) { b.job(1, "failed").Reason = "expired" }},
	{"a job that may follow and fails", "after", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.job(2, "failed").Reason = "dependency"
		b.Ops[1].After = []int64{1}
	}},
	{"a job that follows nobody and fails for it", "after", func(b *builder) { b.job(1, "failed").Reason = "dependency" }},
	{"a job that starts too soon", "after", func(b *builder) { b.follows(lost(10), once(5000), once(5100)) }},
	{"a job after another, whose claim the store lost with the end before it", "", func(b *builder) {
		b.followsUnrecorded(5300)
		b.lived(1, 1, once(5000))
	}},
	{"a job whose claim the store lost, and which starts while the one before it runs", "after", func(b *builder) {
		b.followsUnrecorded(5100)
		b.lived(1, 1, once(5000))
	}},
	{"a job whose claim the store lost, and which follows one that never came to its end", "after", func(b *builder) {
		b.followsUnrecorded(5100)
	}},
	{"a job that starts though it cannot follow", "after", func(b *builder) {
		t := once(10)
		t.outcome = "failed"
		b.job(1, "failed", t)
		b.job(2, "succeeded", elsewhere(once(300)))
		b.Ops[1].After = []int64{1}
	}},
}

// follows adds job 1, and job 2 after it, which has the last of the attempts.
func (b *builder) follows(attempts ...try) {
	last := len(attempts) - 1
	attempts[last-1] = elsewhere(attempts[last-1])
	b.job(1, "succeeded", attempts[:last]...)
	b.job(2, "succeeded", attempts[last])
	b.Ops[1].After = []int64{1}
}

// followsUnrecorded adds job 1, and job 2 after it, which ran at some time by a claim that the
// store has lost, and again after job 1 had succeeded.
func (b *builder) followsUnrecorded(at int64) {
	b.job(1, "succeeded", once(7000))
	b.job(2, "succeeded", elsewhere(once(8000)))
	b.Ops[1].After = []int64{1}
	b.lived(2, 1, elsewhere(lost(at)))
	b.interval(record.Loss, "", 4900, 5600)
}

// toldAsFailed adds a job that came to its end, and that is told to have failed.
func (b *builder) toldAsFailed() {
	t := once(10)
	t.outcome = "failed"
	b.job(1, "failed", t)
	b.Truth = append(b.Truth, record.Truth{
		Kind: record.End, Job: 1, Attempt: 1, Fence: fence(10), Host: "h1", Device: "d1", BootNS: 210 * ms, Value: value(1, fence(10)),
	})
}

// unplanned is an attempt that failed for another cause than the workload's.
func unplanned() try {
	t := once(10)
	t.outcome, t.cause = "failed", "rejected: no such function"
	return t
}

// tries are records of submits that were sent several times.
var tries = []sample{
	{"a try before a loss, and one in it that was answered", "", func(b *builder) {
		b.retried(1, 30)
		b.interval(record.Loss, "", 20, 40)
	}},
	{"a try in a loss, and one after it that was answered", "I3", func(b *builder) {
		b.retried(1, 50)
		b.interval(record.Loss, "", 0, 20)
	}},
}

// retried adds a submit whose tries began at these times, and whose job is gone.
func (b *builder) retried(first, last int64) {
	b.op(record.Op{Op: record.Submit, Job: 1, Name: "job-1", Tries: 2, LastNS: last * ms}, first, last+1)
}
