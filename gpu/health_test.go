package gpu

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testClock = Clock{Boottime: time.Hour, Wall: time.Date(2026, 5, 4, 14, 2, 0, 5, time.UTC), Boot: "boot-1", Generation: 7}

// well is a look at which a driver that tells says that all is well.
func well(at time.Duration) Sample { return Sample{At: at, RecoveryKnown: true} }

func TestHealthLook(t *testing.T) {
	other := Sample{Fault: FaultOther, Err: "Unknown Error"}
	for _, tt := range []struct {
		name  string
		looks []Sample
		sick  string
		cure  Cure
	}{
		{"well", []Sample{{}, {}}, "", CureNone},
		{"lost at once", []Sample{{Fault: FaultLost}}, "fell off the bus", CureReset},
		{"lost, then it answers", []Sample{{Fault: FaultLost}, {}, {}}, "fell off the bus", CureReset},
		{"reset required at once", []Sample{{Fault: FaultReset}}, "has to be reset", CureReset},
		{"one unexplained error", []Sample{other, {}}, "", CureNone},
		{"two in a row", []Sample{other, other}, "twice in a row: Unknown Error", CureReset},
		{"two in a row, with words only", []Sample{{Err: "x"}, {Err: "x"}}, "twice in a row: x", CureReset},
		{"two, and an answer between", []Sample{other, {}, other}, "", CureNone},
		{"two, and silence between", []Sample{other, {Fault: FaultTimeout}, other}, "twice in a row", CureReset},
		{"timeouts say nothing", []Sample{{Fault: FaultTimeout}, {Fault: FaultTimeout}, {Fault: FaultTimeout}}, "", CureNone},
		{"no driver says nothing", []Sample{{Fault: FaultDown}, {Fault: FaultDown}, {Fault: FaultDown}}, "", CureNone},
		{"gone says nothing", []Sample{{Fault: FaultGone}, {Fault: FaultGone}, {Fault: FaultGone}}, "", CureNone},
		{"recovery action", []Sample{{Recovery: "reset", RecoveryKnown: true}}, "asks for: reset", CureClean},
		{"remap failure", []Sample{{RemapFailed: true}}, "cannot be replaced", CureReset},
		{"remap failure before what the driver asks for", []Sample{{RemapFailed: true, Recovery: "reset", RecoveryKnown: true}}, "cannot be replaced", CureReset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h Health
			for i, s := range tt.looks {
				s.At = time.Duration(i) * time.Second
				h = h.Look(s, testClock)
			}
			if h.Cure != tt.cure || (h.Sick == "") != (tt.sick == "") || !strings.Contains(h.Sick, tt.sick) {
				t.Errorf("%q, cure %q; want …%q…, %q", h.Sick, h.Cure, tt.sick, tt.cure)
			}
			if sick := h.Sick != ""; sick && (h.Since != testClock.Wall || h.Boot != "boot-1" || h.Generation != 7) {
				t.Errorf("found at %v in %q, %d", h.Since, h.Boot, h.Generation)
			}
		})
	}
}

// TestHealthHeals: every way back, and what is none.
func TestHealthHeals(t *testing.T) {
	xid := func(n int) Health { h, _ := Health{}.Event(Event{Xid: n, GI: -1, CI: -1}, testClock); return h }
	boot, load, neither, untold := testClock, testClock, testClock, testClock
	boot.Boot, boot.Generation = "boot-2", 9
	load.Generation = 8
	untold.Generation, untold.Boot = 0, ""
	asked := Health{}.Look(Sample{Recovery: "reset", RecoveryKnown: true}, testClock)
	for _, tt := range []struct {
		name string
		h    Health
		way  func(Health) Health
		well bool
	}{
		{"reset by an admin", xid(48), Health.Reset, true},
		{"reset by an admin, of one that needs a boot", xid(79), Health.Reset, true},
		{"new boot", xid(79), func(h Health) Health { return h.Start(boot) }, true},
		{"new boot, of what the driver asked for", asked, func(h Health) Health { return h.Start(boot) }, true},
		{"driver loaded anew", xid(48), func(h Health) Health { return h.Start(load) }, true},
		{"driver loaded anew, of what it asked for", asked, func(h Health) Health { return h.Start(load) }, true},
		{"driver loaded anew, of one that needs a boot", xid(79), func(h Health) Health { return h.Start(load) }, false},
		{"agent started anew", xid(48), func(h Health) Health { return h.Start(neither) }, false},
		{"boot and load cannot be told", xid(48), func(h Health) Health { return h.Start(untold) }, false},
		{"load could not be told when it was found", Health{Sick: "x", Cure: CureReset, Boot: "boot-1"}, func(h Health) Health { return h.Start(load) }, false},
		{"ten clean minutes", asked, minutes(10, well), true},
		{"almost ten", asked, minutes(9, well), false},
		{"ten, of an Xid", xid(48), minutes(10, well), true},
		{"ten, of a GPU that was lost", Health{}.Look(Sample{Fault: FaultLost}, testClock), minutes(10, well), true},
		{"ten, of one that needs a boot", xid(79), minutes(10, well), false},
		{"twenty, of a driver that does not tell", xid(48), minutes(20, func(at time.Duration) Sample { return Sample{At: at} }), false},
		{"ten, with a row that cannot be replaced", xid(48), minutes(10, func(at time.Duration) Sample { s := well(at); s.RemapFailed = true; return s }), false},
		{"ten, with silence in the fifth", asked, minutes(10, but(5, Sample{Fault: FaultTimeout})), false},
		{"ten, with no driver in the fifth", asked, minutes(10, but(5, Sample{Fault: FaultDown})), false},
		{"ten, with an error in the fifth", asked, minutes(10, but(5, Sample{Fault: FaultOther, Err: "x"})), false},
		{"ten, asked for again in the fifth", asked, minutes(10, but(5, Sample{Recovery: "reset", RecoveryKnown: true})), false},
		{"ten, with silence in the fifth, and ten more", asked, minutes(15, but(4, Sample{Fault: FaultTimeout})), true},
		{"ten, with a start in between", asked, func(h Health) Health {
			return lookAt(lookAt(h, time.Minute, 6*time.Minute, well).Start(testClock), 6*time.Minute, 12*time.Minute, well)
		}, false},
		{"ten, with an Xid in between", asked, func(h Health) Health {
			h, _ = lookAt(h, time.Minute, 6*time.Minute, well).Event(Event{Xid: 154, GI: -1, CI: -1}, testClock)
			return lookAt(h, 6*time.Minute, 12*time.Minute, well)
		}, false},
		{"ten, of which the machine slept nine", asked, func(h Health) Health {
			return lookAt(lookAt(h, time.Minute, 2*time.Minute, well), 11*time.Minute, 12*time.Minute, well)
		}, false},
		{"ten after a sleep", asked, func(h Health) Health {
			return lookAt(lookAt(h, time.Minute, 2*time.Minute, well), 11*time.Minute, 22*time.Minute, well)
		}, true},
		{"ten, of looks that are known by nobody", asked, func(h Health) Health {
			return h.Look(well(time.Minute), testClock).Look(well(12*time.Minute), testClock)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.h.Sick == "" {
				t.Fatal("was never sick")
			}
			got := tt.way(tt.h)
			if (got.Sick == "") != tt.well {
				t.Errorf("became %+v", got)
			}
			if tt.well && (got.Cure != CureNone || !got.Since.IsZero() || got.Well != 0 || got.Xid != 0) {
				t.Errorf("well, with remains: %+v", got)
			}
		})
	}
}

// minutes are looks for so many minutes, from the first on.
func minutes(n int, look func(time.Duration) Sample) func(Health) Health {
	return func(h Health) Health {
		return lookAt(h, time.Minute, time.Duration(n+1)*time.Minute, look)
	}
}

// lookAt looks every ten seconds; nobody has looked since a minute before.
func lookAt(h Health, from, to time.Duration, look func(time.Duration) Sample) Health {
	c := testClock
	c.Looked = from - time.Minute
	for at := from; at <= to; at += 10 * time.Second {
		h = h.Look(look(at), c)
		c.Looked = at
	}
	return h
}

// but is well at every minute but one.
func but(minute int, s Sample) func(time.Duration) Sample {
	return func(at time.Duration) Sample {
		if at != time.Duration(minute)*time.Minute {
			return well(at)
		}
		s.At = at
		return s
	}
}

// TestHealthKeepsTheHeavier: what needs more hides what needs less, and not the
// other way round; since when it is sick stays.
func TestHealthKeepsTheHeavier(t *testing.T) {
	later := testClock
	later.Wall = later.Wall.Add(time.Hour)
	lost := Health{}.Look(Sample{Fault: FaultLost}, testClock)
	h, _ := lost.Event(Event{Xid: 79, GI: -1, CI: -1}, later)
	if h.Cure != CureBoot || !strings.Contains(h.Sick, "Xid 79") || h.Since != testClock.Wall {
		t.Errorf("lost, then Xid 79: %+v", h)
	}
	if h = h.Look(Sample{Fault: FaultLost}, later); h.Cure != CureBoot || !strings.Contains(h.Sick, "Xid 79") {
		t.Errorf("then lost again: %+v", h)
	}
	if h = h.Look(Sample{Recovery: "reset", RecoveryKnown: true}, later); h.Cure != CureBoot {
		t.Errorf("then a weaker wish: %+v", h)
	}
	asked := Health{}.Look(Sample{Recovery: "reset", RecoveryKnown: true}, testClock)
	if asked = asked.Look(Sample{Recovery: "reboot", RecoveryKnown: true}, later); !strings.Contains(asked.Sick, "reboot") {
		t.Errorf("another wish of the same driver: %+v", asked)
	}
}

func TestHealthWarns(t *testing.T) {
	count := func(n int64) Sample { return Sample{Uncorrected: &n} }
	h := Health{}.Look(count(0), testClock)
	if h.Warning != "" {
		t.Errorf("no errors, and %q", h.Warning)
	}
	h = h.Look(count(2), testClock)
	if !strings.Contains(h.Warning, "2 memory errors were not corrected") || h.Sick != "" {
		t.Errorf("two errors: %+v", h)
	}
	reset := h.Reset()
	if reset.Warning != "" || reset.Look(count(2), testClock).Warning != "" {
		t.Errorf("old errors warn again after a reset: %+v", reset)
	}
	if again := reset.Look(count(3), testClock); !strings.Contains(again.Warning, "3 memory errors") {
		t.Errorf("a new one: %+v", again)
	}
	if fresh := reset.Look(count(0), testClock).Look(count(1), testClock); !strings.Contains(fresh.Warning, "1 memory error") {
		t.Errorf("counted anew: %+v", fresh)
	}
	if untold := h.Look(Sample{}, testClock); untold.Uncorrected != 2 {
		t.Errorf("a look that does not tell: %+v", untold)
	}
	pending := Health{}.Look(Sample{RemapPending: true}, testClock)
	if pending.Sick != "" || !strings.Contains(pending.Warning, "next reset") {
		t.Errorf("remap pending: %+v", pending)
	}
	if done := pending.Look(Sample{}, testClock); done.Warning != "" {
		t.Errorf("remap done: %+v", done)
	}
	if both := h.Look(Sample{RemapPending: true}, testClock); both.Warning != h.Warning {
		t.Errorf("a pending remap hides errors: %q", both.Warning)
	}
	boot := testClock
	boot.Boot = "boot-2"
	if h.Start(boot).Warning != "" || h.Start(testClock).Warning == "" {
		t.Error("a warning lasts for a boot")
	}
	asked := h.Look(Sample{Recovery: "reset", RecoveryKnown: true}, testClock)
	if healed := minutes(10, well)(asked); healed.Sick != "" || healed.Warning != h.Warning || healed.Start(boot).Warning != "" {
		t.Errorf("healed by the driver it is %+v: the doubt stays for the boot", healed)
	}
}

// TestHealthStartsAnew: what was counted in a row is not in a row with what comes
// after a start, and no time of another boot is compared with one of this.
func TestHealthStartsAnew(t *testing.T) {
	other := Sample{Fault: FaultOther, Err: "x"}
	if h := (Health{}).Look(other, testClock).Start(testClock).Look(other, testClock); h.Sick != "" {
		t.Errorf("two errors with a start between them: %+v", h)
	}
	h := Health{Sick: "x", Cure: CureClean, Since: testClock.Wall, Well: 2 * time.Hour}
	if h = h.Look(well(time.Minute), testClock); h.Well != time.Minute {
		t.Errorf("well since a time to come: %+v", h)
	}
	if h = lookAt(h, 2*time.Minute, 13*time.Minute, well); h.Sick != "" {
		t.Errorf("ten minutes later: %+v", h)
	}
}

// TestHealthDoubts: what is seen twice within a moment is seen once, whatever says so.
func TestHealthDoubts(t *testing.T) {
	for name, s := range map[string]Sample{"a fault": {Fault: FaultOther, Err: "x"}, "words only": {Err: "x"}} {
		var h Health
		for _, at := range []time.Duration{0, 0, Apart / 2, Apart - 1} {
			s.At = time.Hour + at
			if h = h.Look(s, testClock); h.Sick != "" {
				t.Errorf("%s, twice within %v: %+v", name, at, h)
			}
		}
		if s.At = time.Hour + Apart; h.Look(s, testClock).Sick == "" {
			t.Errorf("%s, and again after %v: %+v", name, Apart, h)
		}
	}
}

func TestHealthSurvivesARestart(t *testing.T) {
	testClock := testClock
	testClock.Wall = time.Now() // local, and with a monotonic clock that JSON does not keep
	uncorrected := int64(3)
	h := Health{}.Look(Sample{At: time.Hour, Uncorrected: &uncorrected, RemapPending: true}, testClock)
	h, _ = h.Event(Event{Xid: 48, GI: -1, CI: -1}, testClock)
	h = h.Look(Sample{At: time.Hour, RecoveryKnown: true, Uncorrected: &uncorrected}, testClock)
	if h.Sick == "" || h.Warning == "" || h.Well == 0 {
		t.Fatalf("not what is to be kept: %+v", h)
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var again Health
	if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(h, again) {
		t.Errorf("%s became %+v, %v; want %+v", b, again, err, h)
	}
	if started := again.Start(testClock); started.Sick != h.Sick || started.Since != h.Since || started.Well != 0 {
		t.Errorf("after a restart it is %+v", started)
	}
}

// TestHealthSettles: a device that says the same at each look changes nothing that
// would have to be kept or told again.
func TestHealthSettles(t *testing.T) {
	for _, f := range []Fault{FaultNone, FaultLost, FaultReset, FaultOther, FaultTimeout, FaultDown, FaultGone} {
		s := Sample{UUID: "GPU-0", At: time.Minute, Fault: f}
		h := Health{}.Look(s, testClock).Look(s, testClock)
		later := testClock
		later.Boottime, later.Wall = later.Boottime+time.Hour, later.Wall.Add(time.Hour)
		if again := h.Look(s, later); again != h {
			t.Errorf("fault %v: %+v became %+v", f, h, again)
		}
	}
}
