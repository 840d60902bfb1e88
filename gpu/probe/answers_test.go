package probe

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestPassesOn: what the provider of the child says arrives as it is.
func TestPassesOn(t *testing.T) {
	percent, wrong := 37, int64(2)
	s := script{
		Info:    gpu.Info{Driver: "580.95.05", CUDA: "13.0", Warnings: []string{"no slices"}, Generation: 1},
		Devices: []gpu.Device{{UUID: "GPU-1", Kind: gpu.KindGPU, Model: "H100", Memory: 80 << 30, PCI: "0000:41:00.0", Minor: 3, Display: true}},
		Links:   []gpu.Link{{A: "GPU-1", B: "GPU-2", NVLinks: 18, Level: gpu.LevelNode}},
		Sample: gpu.Sample{
			UUID: "GPU-1", At: time.Hour + 7, Used: 5 << 30, Uncorrected: &wrong, RecoveryKnown: true, Readings: gpu.Readings{Utilization: &percent},
			Processes: []gpu.Process{{PID: 7, Started: 1 << 60, UID: 1000, Name: "python é", Memory: -1, Since: time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)}},
		},
	}
	w := newWorld(t, s, Options{})
	links, err := w.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range []struct{ got, want any }{
		{w.devices(), s.Devices},
		{links, s.Links},
		{w.sample("GPU-1"), s.Sample},
		{w.Info(), s.Info},
	} {
		if !reflect.DeepEqual(pair.got, pair.want) {
			t.Errorf("got  %+v\nwant %+v", pair.got, pair.want)
		}
	}
	if _, err := w.Sample(t.Context(), "GPU-none"); err == nil || err.Error() != "no device GPU-none here" {
		t.Errorf("of a device that is not there: %v", err)
	}
}

// TestEvents: they arrive in order, for all who watch, and after an opening one
// says that everything may have changed.
func TestEvents(t *testing.T) {
	w := newWorld(t, script{Hang: []string{"open"}}, Options{})
	one, two := w.Watch(t.Context()), w.Watch(t.Context())
	w.write(twoGPUs)
	for _, events := range []<-chan gpu.Event{one, two} {
		if e := next(t, events); !e.Changed || e.At == 0 {
			t.Errorf("after the opening: %+v", e)
		}
	}
	s := twoGPUs
	for xid := 79; xid < 82; xid++ {
		s.Event = &gpu.Event{At: time.Hour, UUID: "GPU-2", GI: -1, CI: -1, Xid: xid}
		w.write(s)
		for _, events := range []<-chan gpu.Event{one, two} {
			if e := next(t, events); e != *s.Event {
				t.Errorf("got %+v, want %+v", e, *s.Event)
			}
		}
	}
}

func next(t *testing.T, events <-chan gpu.Event) gpu.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(patience):
		t.Fatal("no event")
		return gpu.Event{}
	}
}

// TestWordsAreHarmless: whatever the driver, its library or the child's end say, it
// steers no terminal, log or page.
func TestWordsAreHarmless(t *testing.T) {
	const evil, tame = "a\x1b[2J\nb\u202e", "a?[2J?b?"
	s := twoGPUs
	s.Info.Driver, s.Info.Warnings = evil, []string{evil}
	s.Devices = []gpu.Device{{UUID: "GPU-1", Model: evil}}
	s.Sample = gpu.Sample{Fault: gpu.FaultOther, Err: evil, Processes: []gpu.Process{{PID: 7, Name: evil, User: evil}}}
	w := newWorld(t, s, Options{})
	if got := w.devices(); len(got) != 1 || got[0].Model != tame {
		t.Errorf("devices: %+v", got)
	}
	if got := w.sample("GPU-1"); got.Err != tame || got.Processes[0].Name != tame || got.Processes[0].User != tame {
		t.Errorf("sample: %q", got.Err)
	}
	if got := w.Info(); got.Driver != tame || got.Warnings[0] != tame {
		t.Errorf("info: %+v", got)
	}
	s.Info.Problem = evil
	w.write(s)
	eventually(t, "the problem", func() bool { return w.Info().Problem == tame })
	s.Exit, s.Stderr, s.Info.Problem = map[string]int{"GPU-1": 3}, "first \x1b[31mline\nno end of \x07it", ""
	w.write(s)
	eventually(t, "the end", func() bool {
		w.sample("GPU-1")
		return strings.HasSuffix(w.Info().Problem, "exit code 3: first ?[31mline); another one is started")
	})
	if said := w.log.text(); strings.Contains(said, `\u001b`) || strings.Contains(said, `\u0007`) {
		t.Errorf("the log says\n%s", said)
	}
}
