package check

import "github.com/mlq-dev/mlq/e2e/chaos/record"

// leases are records of jobs that run with their lease, and without.
var leases = []sample{
	{"a job that began, and whose claim the store lost", "", func(b *builder) {
		b.job(1, "succeeded", elsewhere(once(5000)))
		b.lived(1, 1, lost(10))
		b.interval(record.Loss, "", 0, 20)
	}},
	{"a job that began, and whose start the store lost", "", func(b *builder) {
		b.job(1, "succeeded", lost(10), elsewhere(once(5000)))
		b.Jobs[0].Attempts[0].StartedNS = 0
		b.interval(record.Loss, "", 15, 25)
	}},
	{"a lease that ended while the heartbeats of its host were lost", "", func(b *builder) {
		t := lost(10)
		t.ended, t.to = 4000, 4500
		b.job(1, "succeeded", t, elsewhere(once(5000)))
		b.interval(record.Loss, "", 3000, 3900)
	}},
	{"a host that stood still while its lease ended", "", func(b *builder) {
		t := lost(10)
		t.to = 5100
		b.job(1, "succeeded", t, elsewhere(once(6000)))
		b.interval(record.Pause, "h1", 100, 5050)
	}},
	{"an end that is told too early by what the answer to the start took", "", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs[0].Attempts[0].StartedNS, b.Jobs[0].Attempts[0].EndedNS = 12*ms, 190*ms
	}},
	{"the same, as an agent tells it whose slot died", "", func(b *builder) { b.outlives("the slot process died and left no trace of the job") }},
	{"one whose claim the store lost, in a world without a time for that", "", func(b *builder) {
		t := lost(10)
		t.to = 9000
		b.World.RecoveryNS = 0
		b.job(1, "succeeded", elsewhere(once(10000)))
		b.lived(1, 1, t)
		b.interval(record.Loss, "", 0, 20)
	}},
	{"a job that is gone, and ran", "", func(b *builder) {
		b.lived(1, 1, lost(10))
		b.interval(record.Loss, "", 0, 20)
	}},

	{"an attempt that no record has", "I1", func(b *builder) {
		b.job(1, "succeeded", elsewhere(once(5000)))
		b.lived(1, 1, lost(10))
	}},
	{"one of a job that is not there", "I1", func(b *builder) { b.lived(1, 1, lost(10)) }},
	{"one whose claim the store lost, which goes on and on", "I1", func(b *builder) {
		t := lost(10)
		t.to = 9000
		b.job(1, "succeeded", elsewhere(once(10000)))
		b.lived(1, 1, t)
		b.interval(record.Loss, "", 0, 20)
	}},
	{"one that was released, and runs", "I1", func(b *builder) {
		b.job(1, "succeeded", try{claimed: 10, ended: 20, outcome: "released", host: "h1", device: "d1"}, elsewhere(once(500)))
		b.lived(1, 1, try{claimed: 10, from: 30, to: 80, host: "h1", device: "d1"})
	}},
	{"one that runs before it was started", "I1", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs[0].Attempts[0].StartedNS = 40 * ms
	}},
	{"one that outlives its lease", "I1", func(b *builder) {
		t := lost(10)
		t.ended, t.to = 4000, 4500
		b.job(1, "succeeded", t, elsewhere(once(5000)))
	}},
	{"one that outlives its lease by more than an agent believes in it", "I1", func(b *builder) {
		t := lost(10)
		t.ended, t.to = 4000, 4500
		b.job(1, "succeeded", t, elsewhere(once(5000)))
		b.interval(record.Loss, "", 1000, 1400)
	}},
	{"one that outlives its lease by more than the answer to its start took", "I1", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs[0].Attempts[0].StartedNS, b.Jobs[0].Attempts[0].EndedNS = 12*ms, 180*ms
	}},
	{"one that outlives its lease, which the reaper ended by the store's own time", "I1", func(b *builder) {
		b.outlives("its agent fell silent: h1 last heard 4 s ago")
	}},
	{"another host than was leased", "I1", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs[0].Attempts[0].Host = "h2"
	}},
	{"another device than was leased", "I1", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Jobs[0].Attempts[0].Devices = []string{"d2"}
	}},
	{"a fence on two devices at once", "I1", func(b *builder) {
		b.job(1, "succeeded", once(10))
		b.Truth = append(b.Truth, record.Truth{Kind: record.Start, Job: 1, Attempt: 1, Fence: fence(10), Host: "h1", Device: "d2", BootNS: 40 * ms})
	}},
}

// outlives adds a job whose first attempt lived for 12 ms after its end on record, where the
// answer to its start took 18 ms.
func (b *builder) outlives(cause string) {
	b.job(1, "succeeded", lost(10), elsewhere(once(5000)))
	a := &b.Jobs[0].Attempts[0]
	a.StartedNS, a.EndedNS, a.Cause = 12*ms, 198*ms, cause
}
