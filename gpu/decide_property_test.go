package gpu

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The generators make evidence that is mostly clean, so that many cases are free
// and each property has something to refuse.

// rarely is one of 24; rapid likes the ends of a range, so it is none of them.
func rarely(t *rapid.T, label string) bool { return rapid.IntRange(0, 31).Draw(t, label) == 23 }

// scenes is how many scenes each check of a property draws.
const scenes = 20

func drawProcess(t *rapid.T) Process {
	return Process{
		PID: rapid.IntRange(1, 9).Draw(t, "pid"), UID: rapid.SampledFrom([]int{-1, 0, 1001}).Draw(t, "uid"),
		Started:  rapid.SampledFrom([]uint64{0, 1, 359999, 400000}).Draw(t, "started"),
		Memory:   rapid.SampledFrom([]int64{-1, 0, 1 << 20, 128 << 20, 200 << 20, 4 << 30}).Draw(t, "memory"),
		Graphics: rapid.Bool().Draw(t, "graphics"), Ours: rapid.Bool().Draw(t, "ours"),
	}
}

func drawSample(t *rapid.T, when time.Duration) Sample {
	s := Sample{At: when, Used: rapid.SampledFrom([]int64{0, 0, 0, 100 << 20, 128 << 20, 129 << 20, 2 << 30}).Draw(t, "used")}
	if rarely(t, "faulty") {
		s.Fault = rapid.SampledFrom([]Fault{FaultLost, FaultReset, FaultTimeout, FaultDown, FaultGone, FaultOther}).Draw(t, "fault")
		return s // a driver that does not answer lists nothing
	}
	if rapid.IntRange(0, 3).Draw(t, "used by processes") == 2 {
		s.Processes = rapid.SliceOfN(rapid.Custom(drawProcess), 1, 3).Draw(t, "processes")
	}
	if rapid.Bool().Draw(t, "utilisation told") {
		u := rapid.SampledFrom([]int{0, 9, 10, 100}).Draw(t, "utilisation")
		s.Readings.Utilization = &u
	}
	s.WithReserve, s.Unlisted, s.Prohibited, s.Leased = rarely(t, "reserve"), rarely(t, "unlisted"), rarely(t, "prohibited"), rarely(t, "leased")
	if rarely(t, "unheld") {
		s.Unheld = "no nvidia-caps"
	}
	s.RemapFailed, s.RemapPending = rarely(t, "remap failed"), rarely(t, "remap pending")
	if rarely(t, "recovery") {
		s.Recovery = "reset"
	}
	return s
}

func drawScene(t *rapid.T) (Device, Evidence) {
	d := rapid.SampledFrom([]Device{card, card, screen, cpuSlot}).Draw(t, "device")
	e := Evidence{
		Tolerate: rapid.SampledFrom([]int64{0, 0, 1 << 20, 300 << 20}).Draw(t, "tolerate"),
		Baseline: rapid.SampledFrom([]int64{0, 100 << 20, 9 << 30}).Draw(t, "baseline"),
		Ended:    rapid.SampledFrom([]time.Duration{0, ago(time.Minute), ago(2 * time.Second), at}).Draw(t, "ended"),
		Locked:   rarely(t, "locked"), Clearing: rarely(t, "clearing"),
	}
	e.ClearingSince = rapid.SampledFrom([]time.Duration{0, ago(time.Minute), ago(time.Second)}).Draw(t, "clearing since")
	when := rapid.SampledFrom([]time.Duration{ago(8 * time.Second), ago(FreshFor - time.Second), ago(time.Minute)}).Draw(t, "first look")
	for range rapid.IntRange(0, KeepSamples).Draw(t, "looks") {
		e.Samples = append(e.Samples, drawSample(t, when))
		when += rapid.SampledFrom([]time.Duration{time.Millisecond, Apart, 2 * time.Second}).Draw(t, "until the next")
	}
	if rarely(t, "is leased") {
		e.Lease = lease
	}
	if rarely(t, "is drained") {
		e.Drained = "eve"
	}
	if rarely(t, "is detached") {
		e.Detached = "eve"
	}
	if rarely(t, "is sick") {
		e.Health = Health{Sick: "x", Cure: CureReset}
	}
	return d, e
}

// TestDecideNeverFree holds what is promised of a free device against the
// evidence itself, without any of the functions that the rules are made of.
func TestDecideNeverFree(t *testing.T) {
	free := 0
	rapid.Check(t, func(t *rapid.T) {
		for range scenes {
			d, e := drawScene(t)
			v := Decide(d, e, at)
			if (v.State == Free) != (v.Reason == "") {
				t.Fatalf("%s with reason %q", v.State, v.Reason)
			}
			if v.State != Free {
				continue
			}
			free++
			if why := notFree(d, e); why != "" {
				t.Fatalf("free, and %s", why)
			}
		}
	})
	if free < 20 {
		t.Errorf("only %d of the cases are free: the property says next to nothing", free)
	}
}

func notFree(d Device, e Evidence) string {
	if len(e.Samples) == 0 {
		return "never looked at"
	}
	last := e.Samples[len(e.Samples)-1]
	var strange, listed int64
	computing := false
	for _, p := range last.Processes {
		listed += max(p.Memory, 0)
		if !p.Graphics {
			computing = true
			strange += max(p.Memory, 0)
		}
	}
	mine := int64(0)
	if d.Display || last.WithReserve {
		mine = min(e.Baseline, max(3<<29, d.Memory/100*3)) + 128<<20
	}
	switch {
	case last.Fault != "", last.Recovery != "", last.RemapFailed, e.Health.Sick != "":
		return "sick or silent"
	case at-last.At > 15*time.Second:
		return "stale"
	case e.Lease != nil, e.Clearing, e.Locked, e.Drained != "", e.Detached != "", last.Prohibited, last.Unheld != "":
		return "held or closed"
	case computing && (e.Tolerate == 0 || strange > e.Tolerate):
		return "used by a process"
	case max(last.Used, listed) > mine+e.Tolerate+128<<20:
		return "its memory is in use"
	case d.Kind != KindCPU && last.At <= e.Ended:
		return "not looked at since our job"
	}
	return ""
}

// TestDecideMoreStrangersNeverFree: a process that is added never makes a device
// free that was not, and one that is not tolerated never leaves it free.
func TestDecideMoreStrangersNeverFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range scenes {
			oneMoreStranger(t)
		}
	})
}

func oneMoreStranger(t *rapid.T) {
	d, e := drawScene(t)
	if len(e.Samples) == 0 {
		return
	}
	for i := range e.Samples { // work of nobody is explained by whoever comes
		e.Samples[i].Readings.Utilization = nil
	}
	before := Decide(d, e, at)
	p := drawProcess(t)
	more := e
	more.Samples = slices.Clone(e.Samples)
	last := &more.Samples[len(more.Samples)-1]
	last.Processes = append(slices.Clone(last.Processes), p)
	after := Decide(d, more, at)
	if after.State == Free && before.State != Free {
		t.Fatalf("%s (%s) became free with %+v", before.State, before.Reason, p)
	}
	if after.State == Free && !p.Graphics && (e.Tolerate == 0 || p.Memory > e.Tolerate) {
		t.Fatalf("free with %+v", p)
	}
}

// TestDecideIsOfTheEvidenceOnly: it changes nothing of what it is given, and says
// the same twice.
func TestDecideIsOfTheEvidenceOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, e := drawScene(t)
		given := slices.Clone(e.Samples)
		first := Decide(d, e, at)
		if second := Decide(d, e, at); second != first {
			t.Fatalf("%+v became %+v", first, second)
		}
		for i := range given {
			if given[i].At != e.Samples[i].At || len(given[i].Processes) != len(e.Samples[i].Processes) {
				t.Fatalf("sample %d was changed", i)
			}
		}
	})
}

// TestHealthFolds: whatever comes, a sick device has a reason, a cure and a time,
// a well one none of them, and what JSON keeps is all of it.
func TestHealthFolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Health
		c := testClock
		for i := range rapid.IntRange(1, 20).Draw(t, "steps") {
			was := h
			reborn := false
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				h, _ = h.Event(Event{Xid: rapid.SampledFrom([]int{0, 13, 48, 63, 79, 94, 154, 500}).Draw(t, "xid"), GI: -1, CI: -1}, c)
			case 1:
				c.Generation++
				h, reborn = h.Start(c), true
			case 2:
				h, reborn = h.Reset(), true
			default:
				s := drawSample(t, time.Duration(i)*4*time.Minute)
				s.RecoveryKnown = rapid.Bool().Draw(t, "recovery known")
				c.Looked = s.At - rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "looked before")
				h = h.Look(s, c)
			}
			if sick := h.Sick != ""; sick != (h.Cure != CureNone) || sick == h.Since.IsZero() {
				t.Fatalf("half sick: %+v", h)
			}
			if was.Cure == CureBoot && h.Cure != CureBoot && !reborn {
				t.Fatalf("%+v was healed without a boot: %+v", was, h)
			}
		}
	})
}
