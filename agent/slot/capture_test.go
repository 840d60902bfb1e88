package slot_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestTenGigabytesOfOutput(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxLog = 1 << 20 })
	size := int64(10 << 30)
	if testing.Short() {
		size = 1 << 30
	}
	began := time.Now()
	g := b.grant()
	b.begin(g, command(t, "", "dd", "if=/dev/zero", "bs=1M", "status=none", "count="+strconv.FormatInt(size>>20, 10)))
	ended := b.await(slot.EventEnded).Ended
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	t.Logf("%d bytes in %v", size, time.Since(began))
	info, err := os.Stat(ended.Log)
	if err != nil || info.Size() > 1<<20 || info.Size() != ended.LogSize || ended.LogSize < 1<<20-1024 {
		t.Errorf("log of %d bytes on disk, %d told: %v", info.Size(), ended.LogSize, err)
	}
	if log := logOf(t, ended); !strings.Contains(log, "bytes left out]") || !strings.Contains(log, "the first ") {
		t.Error("no line says what was left out")
	}
	if !b.free() {
		t.Error("the device is still locked")
	}
	b.done(g)
	expect(t, b.run(source(t, "def f(msg): return 1", 1)), scheduler.OutcomeSucceeded, "", "")
}

func TestBinaryOutputWithoutNewline(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, "import sys\ndef f(msg):\n    sys.stdout.buffer.write(bytes(range(256)))\n    sys.stdout.write('\\udcff\\x1b[31m')", 1))
	var want strings.Builder
	for i := range 256 {
		want.WriteByte(byte(i))
	}
	if got := logOf(t, ended); got != want.String()+"\\udcff\x1b[31m" {
		t.Errorf("log %q", got)
	}
}

func TestLogHeadAndTail(t *testing.T) {
	b := newBench(t, func(o *slot.Options) { o.MaxLog = 8 << 10 })
	ended := b.run(source(t, "def f(msg):\n    print('first')\n    for i in range(5000): print('line', i)\n    print('last')", 1))
	log := logOf(t, ended)
	if !strings.HasPrefix(log, "first\nline 0\n") || !strings.HasSuffix(log, "line 4999\nlast\n") || len(log) > 8<<10 {
		t.Errorf("log of %d bytes: %.80q … %.80q", len(log), log, log[len(log)-80:])
	}
}
