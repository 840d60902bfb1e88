package gpu

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

var testClock = Clock{Boottime: time.Hour, Wall: time.Date(2026, 5, 4, 14, 2, 0, 5, time.UTC), Boot: "boot-1", Generation: 7}

func TestHealthSurvivesARestart(t *testing.T) {
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
	if started := again.Start(testClock); started.Sick != h.Sick || started.Since != h.Since {
		t.Errorf("after a restart it is %+v", started)
	}
}
