package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
)

const beParentFor = "be-parent"

func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == serveFake:
		err = beFake(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == beParentFor:
		err = beParent(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const patience = 20 * time.Second

// world is a probe with a fake child, whose script the test writes.
type world struct {
	*Probe
	t   *testing.T
	dir string
	log *logged
}

type logged struct {
	on func(line []byte) // before a line is written; nil: nothing
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	if l.on != nil {
		l.on(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.String()
}

// quick are times in which a test waits for what the default lets happen after
// seconds. The deadline of a sample is long enough for a busy machine.
func quick() Times {
	return Times{
		Sample: 500 * time.Millisecond, Hang: time.Second, Look: 20 * time.Millisecond, Reopen: 50 * time.Millisecond,
		PauseLeast: 20 * time.Millisecond, PauseMost: 100 * time.Millisecond,
	}
}

var twoGPUs = script{Devices: []gpu.Device{{UUID: "GPU-1"}, {UUID: "GPU-2", Index: 1}}, Info: gpu.Info{Driver: "580.95.05", Generation: 7}}

func newWorld(t *testing.T, s script, o Options) *world {
	t.Helper()
	return newLoggedWorld(t, s, o, &logged{})
}

func newLoggedWorld(t *testing.T, s script, o Options, log *logged) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: log}
	w.write(s)
	o.Command = []string{os.Args[0], serveFake, w.dir}
	o.Log = zerolog.New(w.log)
	if o.Times == (Times{}) {
		o.Times = quick()
	}
	var err error
	if w.Probe, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for _, pid := range w.pids() {
			if alive(pid) {
				t.Errorf("process %d is left", pid)
			}
		}
		if t.Failed() {
			t.Log(w.log.text())
		}
	})
	return w
}

func (w *world) write(s script) {
	w.t.Helper()
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, "new"), text, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(w.dir, "new"), filepath.Join(w.dir, "script"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// pids are the children that were started, the first one first.
func (w *world) pids() (pids []int) {
	text, err := os.ReadFile(filepath.Join(w.dir, "pids"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	for f := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			w.t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// alive: there is such a process, and it is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(until) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (w *world) sample(uuid string) gpu.Sample {
	w.t.Helper()
	s, err := w.Sample(context.Background(), uuid)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// answers waits until a device has an answer without a fault.
func (w *world) answers(uuid string) {
	w.t.Helper()
	eventually(w.t, uuid+" answers", func() bool { return w.sample(uuid).Fault == gpu.FaultNone })
}

func (w *world) devices() []gpu.Device {
	w.t.Helper()
	devices, err := w.Devices(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return devices
}

// TestPassesOn: what the provider of the child says arrives as it is.
func TestPassesOn(t *testing.T) {
	percent, wrong := 37, int64(2)
	s := script{
		Info:    gpu.Info{Driver: "580.95.05", CUDA: "13.0", Warnings: []string{"no slices"}, Generation: 1},
		Devices: []gpu.Device{{UUID: "GPU-1", Kind: gpu.KindGPU, Model: "H100", Memory: 80 << 30, PCI: "0000:41:00.0", Minor: 3, Display: true}},
		Links:   []gpu.Link{{A: "GPU-1", B: "GPU-2", NVLinks: 18, Level: gpu.LevelNode}},
		Sample: gpu.Sample{
			UUID: "GPU-1", At: time.Hour + 7, Used: 5 << 30, Uncorrected: &wrong, RecoveryKnown: true, Readings: gpu.Readings{Utilization: &percent},
			Processes: []gpu.Process{{PID: 7, Started: 1 << 60, UID: 1000, Name: "python é \n", Memory: -1, Since: time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)}},
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

// TestOneDeviceHangs: it alone has no answer, whoever asks again is told at
// once, the child stays, and the device answers when it can.
func TestOneDeviceHangs(t *testing.T) {
	s := twoGPUs
	s.Hang = []string{"GPU-1"}
	w := newWorld(t, s, Options{})
	w.devices()
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout || !strings.Contains(got.Err, "no answer within 500ms") {
		t.Errorf("the first one: %+v", got)
	}
	before := time.Now()
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout || !strings.Contains(got.Err, "still waiting") || time.Since(before) > 250*time.Millisecond {
		t.Errorf("the second one, after %v: %+v", time.Since(before), got)
	}
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
		if got := w.sample("GPU-2"); got.Fault != gpu.FaultNone {
			t.Fatalf("its neighbour: %+v", got)
		}
	}
	if got := w.sample("GPU-1"); got.Fault != gpu.FaultTimeout {
		t.Errorf("after a while: %+v", got)
	}
	w.write(twoGPUs)
	w.answers("GPU-1")
	if len(w.pids()) != 1 {
		t.Errorf("%d children", len(w.pids()))
	}
}

// TestTakesTurns: who asks about a device while somebody else does gets a look
// that began later than his question.
func TestTakesTurns(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	w.devices()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if got := w.sample("GPU-1"); got.Fault != gpu.FaultNone {
				t.Errorf("%+v", got)
			}
		})
	}
	all.Wait()
	if len(w.pids()) != 1 {
		t.Errorf("it was asked twice at once: %s", w.log.text())
	}
}

// TestEverythingHangs: the child is replaced; one that is stopped can do nothing
// about it.
func TestEverythingHangs(t *testing.T) {
	w := newWorld(t, twoGPUs, Options{})
	want := w.devices()
	if err := syscall.Kill(w.pids()[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got := w.sample("GPU-2"); got.Fault != gpu.FaultTimeout {
		t.Errorf("%+v", got)
	}
	eventually(t, "another child", func() bool { return len(w.pids()) == 2 })
	w.answers("GPU-2")
	if got := w.devices(); !reflect.DeepEqual(got, want) {
		t.Errorf("the devices are %+v", got)
	}
	if said := w.log.text(); !strings.Contains(said, "no question was answered for 1s") {
		t.Errorf("the log says\n%s", said)
	}
	if got := w.Info(); got.Generation != 7 || got.Problem != "" {
		t.Errorf("the driver is the same, and %+v", got)
	}
}

// TestEnds: whatever ends a child, the devices are down and known, in words, the
// next one starts, and the pauses grow.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*script)
		why    string
	}{
		"exit":         {func(s *script) { s.Exit, s.Stderr = map[string]int{"GPU-1": 3}, "mlq: out of luck\nmore\n" }, `exit code 3: mlq: out of luck\)`},
		"symbol":       {func(s *script) { s.Exit, s.Stderr = map[string]int{"GPU-1": 127}, lookupError }, `no function nvmlDeviceGetFoo: this driver is too old for this build of mlq; install`},
		"no words":     {func(s *script) { s.Exit = map[string]int{"GPU-1": 0} }, `it ended by itself`},
		"slow opening": {func(s *script) { s.Exit = map[string]int{"GPU-1": 1}; s.Hang = []string{"open"} }, `did not open within 300ms`},
		"garbage":      {func(s *script) { s.Exit = map[string]int{"GPU-1": 1}; s.Say = "driver says hello" }, `no answer: .{1,4}driver says hello`},
		"not asked":    {func(s *script) { s.Exit = map[string]int{"GPU-1": 1}; s.Say = `{"id": 99}` }, `question 99, which was not asked`},
	} {
		t.Run(name, func(t *testing.T) {
			times := quick()
			times.Open = 300 * time.Millisecond
			w := newWorld(t, twoGPUs, Options{Times: times})
			eventually(t, "opened", func() bool { return w.Info().Problem == "" })
			want := w.devices()
			s := twoGPUs
			c.change(&s)
			w.write(s)
			why := regexp.MustCompile(c.why)
			eventually(t, "the reason", func() bool {
				got := w.sample("GPU-1")
				return got.Fault == gpu.FaultDown && why.MatchString(got.Err) && why.MatchString(w.Info().Problem)
			})
			if got, err := w.Devices(t.Context()); err == nil && len(s.Hang) > 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("the devices are %+v, %v", got, err)
			}
			w.write(twoGPUs)
			w.answers("GPU-1")
			if got := w.Info(); got.Problem != "" || got.Driver != "580.95.05" || got.Generation != 7 {
				t.Errorf("when it is well again: %+v", got)
			}
		})
	}
}

const lookupError = "/usr/bin/mlq: symbol lookup error: /usr/bin/mlq: undefined symbol: nvmlDeviceGetFoo\n"

// TestCannotStart: the words of the system, again and again.
func TestCannotStart(t *testing.T) {
	p, err := New(Options{Command: []string{"/does/not/exist"}, Times: quick()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if devices, err := p.Devices(t.Context()); err == nil || devices != nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v, %v", devices, err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no command is no error")
	}
}

// TestRefused: the words of the driver, and another child now and then.
func TestRefused(t *testing.T) {
	for name, c := range map[string]func(*script, string){
		"at the opening": func(s *script, why string) { s.Refuse = why },
		"later":          func(s *script, why string) { s.Info.Problem = why },
	} {
		t.Run(name, func(t *testing.T) {
			s := twoGPUs
			c(&s, "the driver is not loaded")
			w := newWorld(t, s, Options{})
			if devices, err := w.Devices(t.Context()); err == nil || err.Error() != "the driver is not loaded" || devices != nil {
				t.Fatalf("%v, %v", devices, err)
			}
			eventually(t, "three children", func() bool { return len(w.pids()) > 2 })
			if got := w.Info().Problem; got != "the driver is not loaded" {
				t.Errorf("the problem is %q", got)
			}
			w.write(twoGPUs)
			w.answers("GPU-1")
			if got := w.Info(); got.Generation != 7 || got.Problem != "" {
				t.Errorf("the first time: %+v", got)
			}
			w.write(s)
			if err := syscall.Kill(w.pids()[len(w.pids())-1], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "refused again", func() bool { return w.Info().Problem == "the driver is not loaded" })
			w.write(twoGPUs)
			w.answers("GPU-1")
			if n := strings.Count(w.log.text(), "cannot be asked"); n != 2 {
				t.Errorf("it is told %d times:\n%s", n, w.log.text())
			}
		})
	}
}
