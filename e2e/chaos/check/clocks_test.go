package check

import (
	"slices"
	"testing"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// hour is by how much most clocks are off here, in ms.
const hour = int64(3_600_000)

// clock adds the clocks of two servers: that of the first is off from 1 s to 9 s.
func (b *builder) clock(by int64) {
	for _, c := range [][4]int64{{0, 0, 1000, 0}, {0, 1000, 9000, by}, {0, 9000, 60000, 0}, {1, 0, 60000, 0}} {
		b.Intervals = append(b.Intervals, record.Interval{
			Kind: record.Clock, Host: []string{"redis-a", "redis-b"}[c[0]], FromNS: c[1] * ms, ToNS: c[2] * ms, OffsetNS: c[3] * ms,
		})
	}
}

// told is a job whose last attempt has these times on record, by how much they are off.
func (b *builder) told(id int64, state string, t try, claimed, started, ended int64) *record.Job {
	j := b.job(id, state, t)
	a := &j.Attempts[len(j.Attempts)-1]
	a.ClaimedNS, a.StartedNS, a.EndedNS = a.ClaimedNS+claimed*ms, a.StartedNS+started*ms, a.EndedNS+ended*ms
	return j
}

// clocks are records of a store whose clock was set. Those that are right are wrong where
// nobody says so.
var clocks = []sample{
	{"an attempt that an hour ahead falls into", "", func(b *builder) {
		b.clock(hour)
		b.told(1, "succeeded", once(950), 0, 0, hour)
		b.told(2, "succeeded", once(8000), hour, hour, hour) // on the device of the first
		b.job(3, "succeeded", once(9500))
	}},
	{"an attempt that an hour back falls into", "", func(b *builder) {
		b.clock(-hour)
		b.told(1, "succeeded", once(950), 0, 0, -hour)
		b.told(2, "succeeded", once(2000), -hour, -hour, -hour)
	}},
	{"an end that is counted from a start before the clock was right again", "", func(b *builder) {
		b.clock(hour)
		b.told(1, "succeeded", once(8900), hour, hour, hour)
	}},
	{"an end that is counted from progress that was told before the clock was right again", "", func(b *builder) {
		b.clock(-hour)
		t := once(950)
		t.to, t.ended = 11_000, 11_020
		b.told(1, "succeeded", t, 0, 0, -hour)
	}},
	{"a start ahead, lost before a cancel", "", func(b *builder) {
		b.clock(hour)
		b.told(1, "cancelled", lost(2000), hour, hour, hour)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "cancelled"}, 7000, 7010)
	}},
	{"a job that follows one which ended ahead", "", func(b *builder) {
		b.clock(hour)
		b.told(1, "succeeded", once(2000), hour, hour, hour)
		b.job(2, "succeeded", once(9500))
		b.Ops[1].After = []int64{1}
	}},
	{"the leases of a host that died end in time, ahead", "", func(b *builder) {
		b.clock(hour)
		t := lost(2000)
		t.ended = 6100
		b.told(1, "succeeded", t, 0, 0, hour)
		b.Jobs[0].State = "failed"
		b.interval(record.Silent, "h1", 2300, 7000)
	}},
	{"a claim ahead, which the store lost", "", func(b *builder) {
		b.clock(hour)
		t := lost(2000)
		t.fence = uint64((2000 + hour) * 1000)
		b.lived(1, 1, t)
		b.interval(record.Loss, "", 1990, 2010)
	}},
	{"a disk that was full before the clock jumped", "", func(b *builder) {
		b.clock(-hour)
		t := once(2000)
		t.outcome, t.cause = "failed", "no space left on device"
		b.told(1, "failed", t, -hour, -hour, -hour)
		b.Faults = []record.Fault{
			{ID: 1, Fault: "F28", Step: record.Inject, Target: "h1", AtNS: 2050 * ms}, {ID: 1, Fault: "F28", Step: record.Heal, Target: "h1", AtNS: 2060 * ms},
		}
	}},
}

// stillWrong are records of a store whose clock was set, and that are wrong all the same.
var stillWrong = []sample{
	{"one that outlives its lease, while the clock is ahead", "I1", func(b *builder) {
		b.clock(hour)
		t := lost(2000)
		t.ended, t.to = 6000, 6500
		b.told(1, "failed", t, hour, hour, hour)
	}},
	{"one that outlives its lease, long after the clock was ahead", "I1", func(b *builder) {
		b.clock(5000)
		t := lost(16000)
		t.ended, t.to = 20000, 20500
		b.told(1, "failed", t, 0, 0, 0)
	}},
	{"one that runs before it was started, while the clock is back", "I1", func(b *builder) {
		b.clock(-hour)
		b.told(1, "succeeded", once(2000), -hour, -hour+20, -hour)
	}},
	{"two leases of a device, while the clock is ahead", "I2", func(b *builder) {
		b.clock(hour)
		b.told(1, "succeeded", once(2000), hour, hour, hour)
		t := once(2230)
		t.claimed = 2100
		b.told(2, "succeeded", t, hour, hour, hour)
	}},
	{"two leases of a device, one of them ahead", "I2", func(b *builder) {
		b.clock(hour)
		b.told(1, "succeeded", once(950), 0, 0, hour)
		t := once(1180)
		t.claimed = 1100
		b.told(2, "succeeded", t, hour, hour, hour)
	}},
	{"a start after a cancel, while the clock is back", "I8", func(b *builder) {
		b.clock(-hour)
		t := once(2000)
		t.outcome, t.unwritten = "cancelled", true
		b.told(1, "cancelled", t, -hour, -hour, -hour)
		b.op(record.Op{Op: record.Cancel, Job: 1, State: "leased"}, 2005, 2008)
	}},
	{"a job that follows one which has not ended, while the clock is back", "after", func(b *builder) {
		b.clock(-hour)
		b.told(1, "succeeded", once(2000), -hour, -hour, -hour)
		b.told(2, "succeeded", elsewhere(once(2100)), -hour, -hour, -hour)
		b.Ops[1].After = []int64{1}
	}},
	{"leases of a host that died, too late, while the clock is back", "I7", func(b *builder) {
		b.clock(-hour)
		t := lost(2000)
		t.ended = 6500
		b.told(1, "failed", t, -hour, -hour, -hour)
		b.interval(record.Silent, "h1", 2300, 7000)
	}},
	{"a claim ahead, which no record has, after the store had lost something", "I1", func(b *builder) {
		b.clock(hour)
		t := lost(2000)
		t.fence = uint64((2000 + hour) * 1000)
		b.lived(1, 1, t)
		b.interval(record.Loss, "", 1900, 1990)
	}},
	{"an end by a clock that was right again before the claim", "I1", func(b *builder) {
		b.clock(-hour)
		b.told(1, "succeeded", once(9500), 0, 0, -hour)
	}},
	{"a disk that was full another time", "I4", func(b *builder) {
		b.clock(-hour)
		t := once(2000)
		t.outcome, t.cause = "failed", "no space left on device"
		b.told(1, "failed", t, -hour, -hour, -hour)
		b.Faults = []record.Fault{
			{ID: 1, Fault: "F28", Step: record.Inject, Target: "h1", AtNS: 1800 * ms}, {ID: 1, Fault: "F28", Step: record.Heal, Target: "h1", AtNS: 1900 * ms},
		}
	}},
}

// TestClocksThatWereSet: what is right by a clock that was set is wrong by one that was not:
// nothing else excuses it.
func TestClocksThatWereSet(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(clocks, lostFences) {
		b := newBuilder()
		c.build(b)
		b.Intervals = slices.DeleteFunc(b.Intervals, func(i record.Interval) bool { return i.Kind == record.Clock })
		if report := Run(&b.Record, t.TempDir()); report.Err() == nil {
			t.Errorf("%s: nothing is wrong without the clocks", c.name)
		}
	}
}
