package world

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// TestClock: a process has the clock that was set, by each way in which programs ask for
// it, and what the clock was is told with its time.
func TestClock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	library, err := compileClock(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClock(library, filepath.Join(dir, "clock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, program := range [][]string{{"date", "+%s"}, {"perl", "-e", "print time"}, {"bash", "-c", "printf '%(%s)T' -1"}} {
		for _, offset := range []time.Duration{time.Hour, -time.Hour, 0} {
			before := int64(boottime.Now())
			c.set(offset)
			cmd := exec.Command(program[0], program[1:]...) //nolint:gosec // one of the three
			cmd.Env = append(cmd.Environ(), c.env()...)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(program, err)
			}
			sec, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
			if off := time.Until(time.Unix(sec, 0)) - offset; err != nil || off.Abs() > 20*time.Second {
				t.Errorf("%s says %s with a clock that is %s ahead", program[0], out, offset)
			}
			was := c.set(offset)
			if after := int64(boottime.Now()); was.Kind != record.Clock || was.OffsetNS != int64(offset) ||
				was.FromNS < before || was.ToNS <= was.FromNS || was.ToNS > after {
				t.Errorf("it was %+v, between %d and %d", was, before, after)
			}
		}
	}
}

// TestNoCompiler: without one the lab says so, and what to install.
func TestNoCompiler(t *testing.T) {
	t.Setenv("CC", "/nowhere/cc")
	if _, err := compileClock(t.TempDir()); err == nil || !strings.Contains(err.Error(), "gcc and libc6-dev") {
		t.Error(err)
	}
}
