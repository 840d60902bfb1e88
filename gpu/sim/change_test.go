package sim

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestAnotherFile: the next look after a change sees it, in place, by rename, with
// the same size, and with the time of the old one.
func TestAnotherFile(t *testing.T) {
	b := newBench(t, two)
	if b.names() != "a b" {
		t.Fatal(b.names())
	}
	put(t, b.path, two+"- {name: c, model: T4}\n")
	if b.names() != "a b c" {
		t.Errorf("written in place: %s", b.names())
	}
	b.rename(two)
	if b.names() != "a b" {
		t.Errorf("renamed: %s", b.names())
	}
	before, err := os.Stat(b.path)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // faster than times of files are fine
		put(t, b.path, strings.Replace(two, "name: b", "name: c", 1))
		if b.names() != "a c" {
			t.Fatalf("same size: %s", b.names())
		}
		put(t, b.path, two)
		if b.names() != "a b" {
			t.Fatalf("same size, back: %s", b.names())
		}
	}
	put(t, b.path, strings.Replace(two, "name: a", "name: c", 1))
	if err := os.Chtimes(b.path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if b.names() != "c b" {
		t.Errorf("with the old one's time: %s", b.names())
	}
}

// TestGoneAndBack: a device that is taken out of the file is gone, and the same one when it is back.
func TestGoneAndBack(t *testing.T) {
	b := newBench(t, two)
	put(t, b.path, strings.Replace(two, "- {name: b, model: H100}\n", "", 1))
	if s := b.sample("b"); s.Fault != gpu.FaultGone || b.names() != "a" {
		t.Errorf("it is there: %+v, %s", s, b.names())
	}
	put(t, b.path, two)
	if s := b.sample("b"); s.Fault != "" || b.names() != "a b" {
		t.Errorf("it is not back: %+v", s)
	}
	put(t, b.path, strings.Replace(two, "name: b", "name: b, fault: gone", 1))
	if s := b.sample("b"); s.Fault != gpu.FaultGone || b.names() != "a" {
		t.Errorf("fault: gone: %+v, %s", s, b.names())
	}
	put(t, b.path, "devices: []\n")
	if s := b.sample("a"); s.Fault != gpu.FaultGone || b.names() != "" {
		t.Errorf("all taken out: %+v, %s", s, b.names())
	}
	if _, err := b.p.Sample(t.Context(), uuidOf("c")); err == nil {
		t.Error("a device that never was is sampled")
	}
}

// TestLastGoodOneStays: whatever is wrong with the file, what it said before holds,
// a warning names line and field, once in the log, and a right file ends it.
func TestLastGoodOneStays(t *testing.T) {
	b := newBench(t, two)
	for name, change := range map[string]struct {
		do   func()
		want string
	}{
		"a syntax error":   {func() { put(t, b.path, "devices: [") }, "lab.yaml: line 1: did not find expected node content"},
		"half of it":       {func() { put(t, b.path, two+"- {name: c,") }, "lab.yaml: line 4: "},
		"a mistake":        {func() { put(t, b.path, two+"  memory: 1\n- {name: c, model: Q9}") }, "lab.yaml: line "},
		"a duplicate UUID": {func() { put(t, b.path, two+"- {name: c, model: T4, uuid: "+uuidOf("a")+"}") }, "lab.yaml: line 4: devices[2]: the UUID " + uuidOf("a") + " is also in line 2"},
		"nothing":          {func() { put(t, b.path, "") }, "lab.yaml: it is empty"},
		"no file": {func() {
			if err := os.Remove(b.path); err != nil {
				t.Fatal(err)
			}
		}, "lab.yaml: there is no file " + b.path},
		"too much": {func() { put(t, b.path, two+"#"+strings.Repeat("x", mostBytes)) }, "has more than 1048576 bytes"},
	} {
		change.do()
		for range 3 {
			if b.names() != "a b" {
				t.Errorf("%s: %s", name, b.names())
			}
		}
		warnings := strings.Join(b.p.Info().Warnings, "\n")
		if !strings.Contains(warnings, change.want) || !strings.Contains(warnings, "what it said before still holds") {
			t.Errorf("%s: warnings %q", name, warnings)
		}
		if n := b.log.count("still holds"); n != 1 {
			t.Errorf("%s: %d lines in the log", name, n)
		}
		b.rename(two)
		if w := b.p.Info().Warnings; len(w) != 0 {
			t.Errorf("after %s: warnings %q", name, w)
		}
		b.log.mu.Lock()
		b.log.b.Reset()
		b.log.mu.Unlock()
	}
}

// TestWrittenInSteps: what a writer in place leaves for a moment is not believed.
func TestWrittenInSteps(t *testing.T) {
	b := newBench(t, two)
	more := two + "- {name: c, model: T4}\n"
	steps := []string{more[:3], more[:40], more}
	b.p.(*provider).reader.file.pause = func(context.Context) error {
		if len(steps) > 0 {
			put(t, b.path, steps[0])
			steps = steps[1:]
		}
		return nil
	}
	put(t, b.path, "")
	if b.names() != "a b c" || len(steps) != 0 || b.log.count("still holds") != 0 {
		t.Errorf("believed was %q, %d steps later it has the rest; %d lines of doubt", b.names(), len(steps), b.log.count("still holds"))
	}
}

// TestNoTimeToLookTwice: a look whose time is over goes by what was known.
func TestNoTimeToLookTwice(t *testing.T) {
	b := newBench(t, two)
	put(t, b.path, "devices: []\n")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if devices, err := b.p.Devices(over); err != nil || len(devices) != 2 {
		t.Errorf("%v, %v", devices, err)
	}
	if b.names() != "" {
		t.Error("the change was missed for good")
	}
}

// TestXidsAreToldOnce: each that is added, in order, none that stood there at the start.
func TestXidsAreToldOnce(t *testing.T) {
	b := newBench(t, strings.Replace(two, "name: a", "name: a, xids: [31]", 1))
	events := b.p.Watch(t.Context())
	put(t, b.path, strings.Replace(two, "name: a", "name: a, xids: [31, 13, 13]", 1))
	for range 2 {
		if e := next(t, events); e.UUID != uuidOf("a") || e.Xid != 13 || e.GI != -1 || e.At == 0 {
			t.Errorf("told %+v", e)
		}
	}
	put(t, b.path, strings.Replace(two, "name: a", "name: a, xids: [13, 31, 13]", 1)) // another order is no news
	b.sample("a")
	put(t, b.path, strings.Replace(two, "name: a", "name: a, xids: [31, 13, 13, 79]", 1)+"xids: [119]\n")
	if e := next(t, events); e.UUID != uuidOf("a") || e.Xid != 79 {
		t.Errorf("told %+v", e)
	}
	if e := next(t, events); e.UUID != "" || e.Xid != 119 {
		t.Errorf("told %+v", e)
	}
	put(t, b.path, "devices: [{name: a, model: H100}]\n")
	if e := next(t, events); !e.Changed || e.Xid != 0 {
		t.Errorf("told %+v", e)
	}
}

func next(t *testing.T, events <-chan gpu.Event) gpu.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was told")
		return gpu.Event{}
	}
}

func TestWatchEnds(t *testing.T) {
	b := newBench(t, two)
	ctx, cancel := context.WithCancel(t.Context())
	events := b.p.Watch(ctx)
	cancel()
	select {
	case _, open := <-events:
		if open {
			t.Error("told of nothing")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

// TestDriverDown: as a whole, by the file and by an admin.
func TestDriverDown(t *testing.T) {
	b := newBench(t, "driver: {version: '1'}\n"+two)
	down := func(words string) {
		t.Helper()
		if s := b.sample("a"); s.Fault != gpu.FaultDown || s.Err != words || b.names() != words || b.p.Info().Problem != words {
			t.Errorf("%+v, %q, %+v", s, b.names(), b.p.Info())
		}
	}
	up := func(load uint64) {
		t.Helper()
		if s := b.sample("a"); s.Fault != "" || b.names() != "a b" || b.p.Info().Problem != "" || b.p.Info().Generation != load || b.p.Info().Detached {
			t.Errorf("%+v, %q, %+v", s, b.names(), b.p.Info())
		}
	}
	up(1)
	put(t, b.path, "driver: {down: no driver}\n"+two)
	down("no driver")
	put(t, b.path, "driver: {load: 2}\n"+two)
	up(2)
	if err := b.p.Detach(); err != nil {
		t.Fatal(err)
	}
	down("the driver is detached")
	if !b.p.Info().Detached {
		t.Error("it does not say that it is detached")
	}
	if err := b.p.Attach(); err != nil {
		t.Fatal(err)
	}
	up(2)
}

// TestHang: a call takes as long as the file says, and ends with its context: by
// its deadline as what a driver that hangs looks like, otherwise as an error.
func TestHang(t *testing.T) {
	b := newBench(t, "devices:\n- {name: a, model: H100, hang: 50ms}\n- {name: b, model: H100, hang: 1h}\n")
	began := time.Now()
	if s := b.sample("a"); s.Fault != "" || time.Since(began) < 50*time.Millisecond {
		t.Errorf("after %s: %+v", time.Since(began), s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if s, err := b.p.Sample(ctx, uuidOf("b")); err != nil || s.Fault != gpu.FaultTimeout {
		t.Errorf("%+v, %v", s, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := b.p.Sample(ended, uuidOf("b")); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	put(t, b.path, "driver: {hang: 1h}\n"+two)
	b.p.Info() // has the time to see the change
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := b.p.Devices(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the driver answers: %v", err)
	}
}

// TestLinksOfTheListed: a link to a GPU that is gone is none.
func TestLinksOfTheListed(t *testing.T) {
	links := "links: [{between: [a, b], nvlinks: 4}]\n"
	b := newBench(t, two+links)
	if l, err := b.p.Links(t.Context()); err != nil || len(l) != 1 || l[0].NVLinks != 4 || l[0].Level != gpu.LevelSystem {
		t.Errorf("%+v, %v", l, err)
	}
	put(t, b.path, strings.Replace(two, "name: b", "name: b, fault: gone", 1)+links)
	if l, err := b.p.Links(t.Context()); err != nil || len(l) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestAtOnce: many look while the file changes, and the marks that one puts into
// a sample are nobody else's.
func TestAtOnce(t *testing.T) {
	withProcess := strings.Replace(two, "name: a", "name: a, processes: [{pid: 7}]", 1)
	b := newBench(t, withProcess)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				s := b.sample("a")
				for i := range s.Processes {
					if s.Processes[i].Ours {
						t.Error("marked by another")
					}
					s.Processes[i].Ours = true
				}
				b.p.Info()
			}
		})
	}
	for i := range 6 {
		put(t, b.path, withProcess+strings.Repeat("#", i))
		b.rename(two)
	}
	all.Wait()
}
