package gpu

import (
	"testing"
	"time"
)

func TestDecideWork(t *testing.T) {
	busy := func(percent int, s Sample) []Sample {
		s.Readings.Utilization = &percent
		looks := make([]Sample, 3)
		for i := range looks {
			looks[i] = s
			looks[i].At = ago(time.Duration(2-i)*2*time.Second + time.Second)
		}
		return looks
	}
	close3 := busy(90, Sample{})
	close3[0].At, close3[1].At = close3[2].At-2*Apart+1, close3[2].At-Apart
	apart3 := busy(90, Sample{})
	apart3[0].At, apart3[1].At = apart3[2].At-2*Apart, apart3[2].At-Apart
	old := busy(90, Sample{})
	old[0].At = ago(FreshFor + 1)
	pause := busy(90, Sample{})
	zero := 0
	pause[1].Readings.Utilization = &zero
	check(t, []decided{
		{"work: in three looks", card, Evidence{Samples: busy(10, Sample{})}, Foreign, "computes at 10 % for a process that is not listed"},
		{"work: a little less", card, Evidence{Samples: busy(9, Sample{})}, Free, ""},
		{"work: in two looks only", card, Evidence{Samples: busy(90, Sample{})[1:]}, Free, ""},
		{"work: with a pause", card, Evidence{Samples: pause}, Free, ""},
		{"work: three looks at one moment", card, Evidence{Samples: close3}, Free, ""},
		{"work: three looks that are just apart", card, Evidence{Samples: apart3}, Foreign, "computes"},
		{"work: the third is stale", card, Evidence{Samples: old}, Free, ""},
		{"work: of one who draws", card, Evidence{Samples: busy(90, by(xorg))}, Free, ""},
		{"work: of one who is tolerated", card, Evidence{Samples: busy(90, by(ana)), Tolerate: 1 << 30}, Free, ""},
		{"work: where the list is wrong", card, Evidence{Samples: busy(90, Sample{Unlisted: true})}, Free, ""},
		{"work: our job's", card, Evidence{Samples: append(busy(90, Sample{Leased: true})[:2], busy(90, Sample{})[2:]...)}, Free, ""},
		{"work: before our job's end", card, Evidence{Samples: busy(90, Sample{}), Ended: ago(2 * time.Second)}, Free, ""},
		{"work: not told", card, Evidence{Samples: twice(Sample{})}, Free, ""},
	})
}

func TestDecideClearing(t *testing.T) {
	screens := xorg
	screens.Started = 5
	undead := own
	undead.Memory = 1 << 30
	check(t, []decided{
		{"clearing: our processes live", card, Evidence{Samples: once(by(own)), Clearing: true, ClearingSince: ago(time.Second)}, Clearing, "processes are not gone yet"},
		{"clearing: for 30 s", card, Evidence{Samples: once(by(own)), Clearing: true, ClearingSince: ago(ClearWithin)}, Clearing, ""},
		{"clearing: orphan", card, Evidence{Samples: once(by(ana, undead)), Clearing: true, ClearingSince: ago(ClearWithin + 1)}, Foreign, "orphan: process 7 (python) of ben with 1024 MiB, more than 30s after the last job ended"},
		{"clearing: orphan that the driver does not list", card, Evidence{Samples: twice(Sample{}), Clearing: true, ClearingSince: ago(time.Minute)}, Foreign, "orphan: the last job's processes are not dead"},
		{"clearing: orphan on a drained device", card, Evidence{Samples: twice(Sample{}), Clearing: true, ClearingSince: ago(time.Minute), Drained: "eve"}, Foreign, "orphan"},
		{"clearing: since when is not told", card, Evidence{Samples: twice(Sample{}), Clearing: true}, Clearing, ""},
		{"clearing: clean, but before the end", card, Evidence{Samples: twice(Sample{}), Ended: ago(time.Second)}, Clearing, "not looked at since"},
		{"clearing: clean under the lease only", card, Evidence{Samples: twice(Sample{Leased: true})}, Clearing, "not looked at since"},
		{"clearing: a CPU slot needs no look after", cpuSlot, Evidence{Samples: once(Sample{Leased: true}), Ended: at}, Free, ""},
		{"clearing: memory after the end", card, Evidence{Samples: once(Sample{Used: 3 << 30}), Ended: ago(2 * time.Second)}, Clearing, "memory is not free yet"},
		{"clearing: memory for 30 s", card, Evidence{Samples: once(Sample{Used: 3 << 30}), Ended: ago(ClearWithin)}, Clearing, ""},
		{"clearing: orphaned memory", card, Evidence{Samples: once(Sample{Used: 3 << 30}), Ended: ago(ClearWithin + 1)}, Foreign, "orphan: 3072 MiB in use by a process that is not listed, more than 30s"},
		{"clearing: what is listed of the dead", card, Evidence{Samples: once(by(ghost)), Ended: ago(2 * time.Second)}, Clearing, ""},
		{"clearing: what is listed of the dead, beside one who draws", card, Evidence{Samples: once(by(ghost, screens)), Ended: ago(2 * time.Second)}, Clearing, ""},
		{"clearing: what is listed of the dead too long", card, Evidence{Samples: once(by(ghost)), Ended: ago(time.Minute)}, Foreign, "orphan: process 99 of a user who cannot be seen from here with 300 MiB"},
		{"clearing: ours after the end", card, Evidence{Samples: once(by(own)), Ended: ago(2 * time.Second)}, Clearing, ""},
		{"clearing: somebody who lives is foreign", card, Evidence{Samples: once(by(ana)), Ended: ago(2 * time.Second)}, Foreign, "used by process 4242"},
		{"clearing: locked by the slot still", card, Evidence{Samples: twice(Sample{}), Clearing: true, Locked: true}, Clearing, ""},
	})
}

func TestDecideSettling(t *testing.T) {
	looks := func(apart time.Duration, first, second Sample) []Sample {
		first.At, second.At = ago(time.Second+apart), ago(time.Second)
		return []Sample{first, second}
	}
	clean := Sample{}
	check(t, []decided{
		{"settling: one look", card, Evidence{Samples: once(clean)}, Unknown, "seen so only once"},
		{"settling: one look at a CPU slot", cpuSlot, Evidence{Samples: once(clean)}, Free, ""},
		{"settling: two looks that are apart", card, Evidence{Samples: looks(Apart, clean, clean)}, Free, ""},
		{"settling: two looks at one moment", card, Evidence{Samples: looks(Apart-1, clean, clean)}, Unknown, "only once"},
		{"settling: the first is stale", card, Evidence{Samples: looks(FreshFor-time.Second+1, clean, clean)}, Unknown, "only once"},
		{"settling: foreign, then clean once", card, Evidence{Samples: looks(2*time.Second, by(ana), clean)}, Foreign, "until a moment ago used by process 4242"},
		{"settling: foreign without memory, then clean once", card, Evidence{Samples: looks(2*time.Second, by(Process{PID: 8}), clean)}, Foreign, "until a moment ago used by process 8"},
		{"settling: foreign, then clean twice", card, Evidence{Samples: append([]Sample{{At: ago(5 * time.Second), Processes: []Process{ana}}}, twice(clean)...)}, Free, ""},
		{"settling: clean, foreign, clean", card, Evidence{Samples: append([]Sample{{At: ago(9 * time.Second)}}, looks(2*time.Second, by(ana), clean)...)}, Foreign, "until a moment ago"},
		{"settling: memory, then clean once", card, Evidence{Samples: looks(2*time.Second, Sample{Used: 1 << 30}, clean)}, Unknown, "only once"},
		{"settling: no answer, then clean once", card, Evidence{Samples: append(twice(clean), looks(500*time.Millisecond, Sample{Fault: FaultTimeout}, clean)...)}, Unknown, "only once"},
		{"settling: prohibited, then clean once", card, Evidence{Samples: looks(2*time.Second, Sample{Prohibited: true}, clean)}, Unknown, "only once"},
		{"settling: one look after our job", card, Evidence{Samples: looks(2*time.Second, by(own), clean), Ended: ago(1500 * time.Millisecond)}, Free, ""},
		{"settling: one look after our job, at once", card, Evidence{Samples: looks(time.Millisecond, Sample{Leased: true}, clean)}, Free, ""},
		{"settling: the first look of all, after our job", card, Evidence{Samples: once(clean), Ended: ago(2 * time.Second)}, Free, ""},
		{"settling: what is listed of our dead, then clean once", card, Evidence{Samples: looks(500*time.Millisecond, by(own), clean), Ended: ago(2 * time.Second)}, Free, ""},
		{"settling: what is listed of our dead beside somebody, then clean once", card, Evidence{Samples: looks(500*time.Millisecond, by(own, ana), clean), Ended: ago(2 * time.Second)}, Foreign, "until a moment ago used by"},
		{"settling: ours without an end, then clean once", card, Evidence{Samples: looks(500*time.Millisecond, by(own), clean)}, Foreign, "until a moment ago used by"},
		{"settling: foreign after our job, then clean once", card, Evidence{Samples: looks(500*time.Millisecond, by(ana), clean), Ended: ago(2 * time.Second)}, Foreign, "until a moment ago"},
		{"settling: foreign beside our job", card, Evidence{Samples: looks(2*time.Second, Sample{Leased: true, Processes: []Process{ana}}, clean)}, Unknown, "only once"},
		{"settling: our job lost the driver", card, Evidence{Samples: looks(2*time.Second, Sample{Leased: true, Fault: FaultTimeout}, clean)}, Unknown, "only once"},
		{"settling: our job was long ago", card, Evidence{Samples: looks(FreshFor, Sample{Leased: true}, clean)}, Unknown, "only once"},
	})
}
