package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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
