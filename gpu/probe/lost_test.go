package probe

import (
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

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
