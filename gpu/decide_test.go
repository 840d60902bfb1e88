package gpu

import (
	"strings"
	"testing"
	"time"
)

// at is the time at which the tests decide; ago gives the time of a look.
const at = time.Hour

func ago(d time.Duration) time.Duration { return at - d }

// twice is a device that was seen so by two looks that are apart.
func twice(s Sample) []Sample {
	before := s
	before.At, s.At = ago(3*time.Second), ago(time.Second)
	return []Sample{before, s}
}

func once(s Sample) []Sample {
	s.At = ago(time.Second)
	return []Sample{s}
}

func by(processes ...Process) Sample { return Sample{Processes: processes} }

var (
	card    = Device{UUID: "GPU-1", Kind: KindGPU, Memory: 80 << 30}
	screen  = Device{UUID: "GPU-2", Kind: KindGPU, Memory: 24 << 30, Display: true}
	cpuSlot = Device{UUID: "CPU-1", Kind: KindCPU}
	lease   = &Holding{Job: 53}

	// ana's process was started as soon as the machine was up.
	ana  = Process{PID: 4242, Started: 1, UID: 1001, User: "ana", Name: "python", Memory: 512 << 20, Since: time.Date(2026, 5, 4, 14, 2, 0, 0, time.UTC)}
	own  = Process{PID: 7, Started: 9, UID: 1002, User: "ben", Name: "python", Memory: 20 << 30, Ours: true}
	xorg = Process{PID: 812, UID: 0, User: "root", Name: "Xorg", Memory: 100 << 20, Graphics: true}
	// ghost is what the driver lists of a process that is dead, or of another PID namespace.
	ghost = Process{PID: 99, UID: -1, Memory: 300 << 20}
)

// decided is a row of the tables; the name begins with the rule.
type decided struct {
	name   string
	device Device
	given  Evidence
	state  State
	reason string // a part of it
}

func check(t *testing.T, rows []decided) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			got := Decide(tt.device, tt.given, at)
			if got.State != tt.state || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %s, %q; want %s, …%q…", got.State, got.Reason, tt.state, tt.reason)
			}
			if (got.State == Free) != (got.Reason == "") {
				t.Errorf("%s with reason %q", got.State, got.Reason)
			}
		})
	}
}

func TestDecideUnknown(t *testing.T) {
	check(t, []decided{
		{"unknown: never looked", card, Evidence{}, Unknown, "not looked at yet"},
		{"unknown: never looked, leased", card, Evidence{Lease: lease}, Unknown, "not looked at yet; runs job 53"},
		{"unknown: just fresh", card, Evidence{Samples: []Sample{{At: ago(FreshFor)}, {At: ago(FreshFor)}}, Ended: 1}, Free, ""},
		{"unknown: stale", card, Evidence{Samples: []Sample{{At: ago(FreshFor + time.Nanosecond)}}}, Unknown, "last looked at more than 15s ago"},
		{"unknown: long stale, drained", card, Evidence{Samples: []Sample{{At: ago(time.Minute)}}, Drained: "ana"}, Unknown, "more than 15s ago"},
		{"unknown: timeout", card, Evidence{Samples: once(Sample{Fault: FaultTimeout})}, Unknown, "did not answer in time"},
		{"unknown: down", card, Evidence{Samples: once(Sample{Fault: FaultDown, Err: "no driver"})}, Unknown, "cannot be asked: no driver"},
		{"unknown: gone", card, Evidence{Samples: once(Sample{Fault: FaultGone})}, Unknown, "does not list it any more"},
		{"unknown: one error", card, Evidence{Samples: once(Sample{Fault: FaultOther, Err: "Unknown Error"})}, Unknown, "the driver says: Unknown Error"},
		{"unknown: words without a class", card, Evidence{Samples: once(Sample{Err: "Unknown Error"})}, Unknown, "the driver says: Unknown Error"},
		{"unknown: gone under a lease", card, Evidence{Samples: once(Sample{Fault: FaultGone}), Lease: lease}, Unknown, "any more; runs job 53"},
	})
}

func TestDecideSick(t *testing.T) {
	xid := Health{Sick: "Xid 48: broken", Cure: CureReset, Since: time.Date(2026, 5, 4, 14, 2, 0, 0, time.UTC)}
	abroad := xid
	abroad.Since = xid.Since.In(time.FixedZone("CEST", 2*60*60))
	check(t, []decided{
		{"sick: known, on a host in another zone", card, Evidence{Samples: twice(Sample{}), Health: abroad}, Sick, "Xid 48: broken (since 2026-05-04 14:02 UTC)"},
		{"sick: known", card, Evidence{Samples: twice(Sample{}), Health: xid}, Sick, "Xid 48: broken (since 2026-05-04 14:02 UTC)"},
		{"sick: known, nothing seen", card, Evidence{Health: xid}, Sick, "Xid 48"},
		{"sick: known, the driver is down", card, Evidence{Samples: once(Sample{Fault: FaultDown}), Health: xid}, Sick, "Xid 48"},
		{"sick: under a lease", card, Evidence{Samples: twice(Sample{}), Health: xid, Lease: lease}, Sick, "UTC); runs job 53"},
		{"sick: before drained", card, Evidence{Samples: twice(Sample{}), Health: xid, Drained: "ana"}, Sick, "Xid 48"},
		{"sick: before detached", card, Evidence{Samples: twice(Sample{}), Health: xid, Detached: "ana"}, Sick, "Xid 48"},
		{"sick: lost at once", card, Evidence{Samples: once(Sample{Fault: FaultLost})}, Sick, "fell off the bus"},
		{"sick: lost after clean looks, no process listed", card, Evidence{Samples: append(twice(Sample{}), Sample{At: at, Fault: FaultLost})}, Sick, "fell off the bus"},
		{"sick: reset required at once", card, Evidence{Samples: once(Sample{Fault: FaultReset})}, Sick, "has to be reset"},
		{"sick: recovery action", card, Evidence{Samples: twice(Sample{Recovery: "reset", RecoveryKnown: true})}, Sick, "asks for: reset"},
		{"sick: remap failed", card, Evidence{Samples: twice(Sample{RemapFailed: true})}, Sick, "cannot be replaced"},
		{"sick: not by a warning", card, Evidence{Samples: twice(Sample{RemapPending: true}), Health: Health{Warning: "a doubt"}}, Free, ""},
	})
}

func TestDecideByAdmin(t *testing.T) {
	check(t, []decided{
		{"detached", card, Evidence{Samples: once(Sample{Fault: FaultDown}), Detached: "ana: new driver"}, Unknown, "detached by ana: new driver"},
		{"detached: under a lease", card, Evidence{Detached: "ana: new driver", Lease: lease}, Unknown, "new driver; runs job 53"},
		{"drained", card, Evidence{Samples: twice(Sample{}), Drained: "ana: new fan"}, Drained, "ana: new fan"},
		{"drained: before foreign", card, Evidence{Samples: twice(by(ana)), Drained: "eve"}, Drained, "eve"},
		{"drained: after leased", card, Evidence{Samples: twice(Sample{}), Drained: "ana", Lease: lease}, Leased, "runs job 53"},
		{"drained: after clearing", card, Evidence{Samples: twice(Sample{}), Drained: "ana", Clearing: true}, Clearing, ""},
		{"prohibited", card, Evidence{Samples: twice(Sample{Prohibited: true})}, Drained, "compute mode"},
		{"prohibited: after drained", card, Evidence{Samples: twice(Sample{Prohibited: true}), Drained: "eve"}, Drained, "eve"},
		{"prohibited: before foreign", card, Evidence{Samples: twice(Sample{Prohibited: true, Processes: []Process{ana}})}, Drained, "compute mode"},
		{"unheld", card, Evidence{Samples: twice(Sample{Unheld: "the kernel knows no nvidia-caps"})}, Drained, "jobs cannot be isolated on it: the kernel knows no nvidia-caps"},
		{"unheld: after drained", card, Evidence{Samples: twice(Sample{Unheld: "no"}), Drained: "eve"}, Drained, "eve"},
		{"unheld: under a lease", card, Evidence{Samples: twice(Sample{Unheld: "no"}), Lease: lease}, Leased, "runs job 53"},
		{"prohibited: under a lease", card, Evidence{Samples: twice(Sample{Prohibited: true}), Lease: lease}, Leased, ""},
	})
}

func TestDecideLeased(t *testing.T) {
	check(t, []decided{
		{"leased", card, Evidence{Samples: once(by(own)), Lease: lease}, Leased, "runs job 53"},
		{"leased: foreign beside it", card, Evidence{Samples: once(by(own, ana)), Lease: lease}, Leased, "runs job 53; also used by process 4242 (python) of ana"},
		{"leased: tolerated beside it", card, Evidence{Samples: once(by(own, ana)), Lease: lease, Tolerate: 512 << 20}, Leased, "runs job 53"},
		{"leased: before clearing", card, Evidence{Samples: once(by(own)), Lease: lease, Clearing: true, Ended: ago(time.Minute)}, Leased, "runs job 53"},
		{"leased: locked by our slot", card, Evidence{Samples: once(by(own)), Lease: lease, Locked: true}, Leased, "runs job 53"},
	})
	if v := Decide(card, Evidence{Samples: once(by(own, xorg)), Lease: lease}, at); v.Reason != "runs job 53" {
		t.Errorf("only ours and a screen: %q", v.Reason)
	}
}

func TestDecideForeign(t *testing.T) {
	told, untold := ana, ana
	told.Started, untold.Memory, untold.Started = 100*3600-100*600, -1, 0
	hidden := Process{PID: 5, UID: -1, Memory: 1 << 30}
	nameless := Process{PID: 6, UID: 1003, Memory: 1 << 20}
	check(t, []decided{
		{"foreign process: one look", card, Evidence{Samples: append(twice(Sample{}), Sample{At: at, Processes: []Process{ana}})}, Foreign, "used by process 4242 (python) of ana with 512 MiB since 14:02 UTC (59 min)"},
		{"foreign process: age", card, Evidence{Samples: once(by(told))}, Foreign, "with 512 MiB since 14:02 UTC (10 min)"},
		{"foreign process: neither memory nor age told", card, Evidence{Samples: once(by(untold))}, Foreign, "of ana since 2026-05-04 14:02 UTC"},
		{"foreign process: of another namespace", card, Evidence{Samples: once(by(hidden))}, Foreign, "process 5 of a user who cannot be seen from here with 1024 MiB"},
		{"foreign process: of an account without a name", card, Evidence{Samples: once(by(nameless))}, Foreign, "process 6 of user 1003 with 1 MiB"},
		{"foreign process: the largest is named", card, Evidence{Samples: once(by(nameless, ana, xorg))}, Foreign, "process 4242 (python) of ana with 512 MiB since 14:02 UTC (59 min) and 1 more"},
		{"foreign process: without memory", card, Evidence{Samples: once(by(Process{PID: 8, Name: "mps"}))}, Foreign, "process 8 (mps)"},
		{"foreign process: ours without a lease", card, Evidence{Samples: once(by(own))}, Foreign, "orphan: a former job's process 7 (python) of ben"},
		{"foreign process: before the lock", card, Evidence{Samples: once(by(ana)), Locked: true}, Foreign, "process 4242"},
		{"foreign process: not when it only draws", card, Evidence{Samples: twice(by(xorg))}, Free, ""},
		{"foreign process: on a CPU slot too", cpuSlot, Evidence{Samples: once(by(ana))}, Foreign, "process 4242"},
		{"locked", card, Evidence{Samples: twice(Sample{}), Locked: true}, Foreign, "its lock file is held by another process"},
		{"locked: by an agent", card, Evidence{Samples: twice(Sample{}), Locked: true, LockedBy: OtherAgent + " (process 9 of mlq)"}, Foreign, "taken by another agent of this machine (process 9 of mlq)"},
		{"locked: by an agent, whose job is seen", card, Evidence{Samples: once(by(ana)), Locked: true, LockedBy: OtherAgent + " (process 9 of mlq)"}, Foreign, "taken by another agent of this machine (process 9 of mlq): process 4242 (python) of ana with 512 MiB"},
		{"locked: by an agent, whose job is hidden", card, Evidence{Samples: once(Sample{Used: 8 << 30}), Locked: true, LockedBy: OtherAgent + " (process 9 of mlq)"}, Foreign, "taken by another agent of this machine"},
		{"locked: by an agent, over what a job of ours left", card, Evidence{Samples: once(by(own)), Locked: true, LockedBy: OtherAgent + " (process 9 of mlq)"}, Foreign, "orphan: a former job's process 7"},
		{"locked: by an agent before", card, Evidence{Samples: once(by(ana)), LockedBy: OtherAgent + " (process 9 of mlq)"}, Foreign, "used by process 4242"},
		{"locked: by whom", card, Evidence{Samples: twice(Sample{}), Locked: true, LockedBy: "process 9 (train) of ana"}, Foreign, "held by process 9 (train) of ana"},
	})
}

func TestDecideMemory(t *testing.T) {
	const mib = 1 << 20
	draws := xorg
	draws.Memory = 129 * mib
	reserve := func(used int64) Sample { return Sample{Used: used, WithReserve: true} }
	check(t, []decided{
		{"memory: at the limit", card, Evidence{Samples: twice(Sample{Used: 128 * mib})}, Free, ""},
		{"memory: above the limit", card, Evidence{Samples: twice(Sample{Used: 128*mib + 1})}, Foreign, "128 MiB in use by a process that is not listed"},
		{"memory: one look is enough", card, Evidence{Samples: append(twice(Sample{}), Sample{At: at, Used: 1 << 30})}, Foreign, "1024 MiB in use"},
		{"memory: no baseline where the reserve is told", card, Evidence{Samples: twice(Sample{Used: 200 * mib}), Baseline: 600 * mib}, Foreign, "200 MiB"},
		{"memory: processes that draw have more", card, Evidence{Samples: twice(by(draws))}, Foreign, "129 MiB in use, among others by process 812 (Xorg) of root with 129 MiB, which draws"},
		{"memory: the larger of the sums, the device's", card, Evidence{Samples: twice(Sample{Used: 200 * mib, Processes: []Process{xorg}})}, Foreign, "200 MiB"},
		{"memory: the larger of the sums, the processes'", card, Evidence{Samples: twice(Sample{Used: 1, Processes: []Process{draws}})}, Foreign, "129 MiB"},
		{"memory: not told of what draws", card, Evidence{Samples: twice(by(Process{PID: 1, Memory: -1, Graphics: true}))}, Free, ""},
		{"memory: reserve, at the limit", card, Evidence{Samples: twice(reserve(856 * mib)), Baseline: 600 * mib}, Free, ""},
		{"memory: reserve, above the limit", card, Evidence{Samples: twice(reserve(856*mib + 1)), Baseline: 600 * mib}, Foreign, "256 MiB in use"},
		{"memory: reserve, nothing learned", card, Evidence{Samples: twice(reserve(257 * mib))}, Foreign, "257 MiB"},
		{"memory: a learned baseline is bounded", card, Evidence{Samples: twice(reserve(4 << 30)), Baseline: 4 << 30}, Foreign, "MiB in use"},
		{"memory: screen, at the limit", screen, Evidence{Samples: twice(Sample{Used: 1256 * mib}), Baseline: 1000 * mib}, Free, ""},
		{"memory: screen, above the limit", screen, Evidence{Samples: twice(Sample{Used: 1256*mib + 1}), Baseline: 1000 * mib}, Foreign, "256 MiB in use"},
		{"memory: list unknown, clean", card, Evidence{Samples: twice(Sample{Unlisted: true, Used: 128 * mib})}, Free, ""},
		{"memory: list unknown, used", card, Evidence{Samples: twice(Sample{Unlisted: true, Used: 1 << 30})}, Foreign, "1024 MiB in use"},
		{"memory: not asked of a lease", card, Evidence{Samples: once(Sample{Used: 1 << 30}), Lease: lease}, Leased, ""},
	})
}

func TestDecideTolerates(t *testing.T) {
	const mib = 1 << 20
	small := Process{PID: 3, Started: 1, Name: "notebook", Memory: 300 * mib}
	untold := Process{PID: 4, Started: 1, Memory: -1}
	check(t, []decided{
		{"tolerate: one, at the limit", card, Evidence{Samples: twice(by(small)), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: one, above the limit", card, Evidence{Samples: twice(by(small)), Tolerate: 300*mib - 1}, Foreign, "process 3"},
		{"tolerate: two together", card, Evidence{Samples: twice(by(small, small)), Tolerate: 600 * mib}, Free, ""},
		{"tolerate: two together are too much", card, Evidence{Samples: twice(by(small, small)), Tolerate: 599 * mib}, Foreign, "and 1 more"},
		{"tolerate: memory at the limit", card, Evidence{Samples: twice(Sample{Used: 428 * mib, Processes: []Process{small}}), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: memory above the limit", card, Evidence{Samples: twice(Sample{Used: 428*mib + 1, Processes: []Process{small}}), Tolerate: 300 * mib}, Foreign, "428 MiB in use"},
		{"tolerate: memory is not told, little in use", card, Evidence{Samples: twice(Sample{Used: 300 * mib, Processes: []Process{untold}}), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: memory is not told, more in use", card, Evidence{Samples: twice(Sample{Used: 300*mib + 1, Processes: []Process{untold}}), Tolerate: 300 * mib}, Foreign, "process 4"},
		{"tolerate: memory is told of one of two", card, Evidence{Samples: twice(Sample{Used: 300 * mib, Processes: []Process{small, untold}}), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: beside a reserve, at the limit", card, Evidence{Samples: twice(Sample{WithReserve: true, Used: 556 * mib, Processes: []Process{small}}), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: beside a reserve, above the limit", card, Evidence{Samples: twice(Sample{WithReserve: true, Used: 556*mib + 1, Processes: []Process{small}}), Tolerate: 300 * mib}, Foreign, "556 MiB in use"},
		{"tolerate: nothing unless said", card, Evidence{Samples: twice(by(Process{PID: 5}))}, Foreign, "process 5"},
		{"tolerate: a small one after our job", card, Evidence{Samples: once(by(small)), Ended: ago(2 * time.Second), Tolerate: 300 * mib}, Free, ""},
		{"tolerate: our memory behind a small one", card, Evidence{Samples: once(Sample{Used: 9 << 30, Processes: []Process{small}}), Ended: ago(2 * time.Second), Tolerate: 300 * mib}, Clearing, "not free yet"},
	})
}
