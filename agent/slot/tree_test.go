package slot_test

import (
	"strconv"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestDaemonsDieToo(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os, time
def f(msg):
    r, w = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            os.write(w, str(os.getpid()).encode())
            os.closerange(0, 100)
            while True: time.sleep(3600)
        os._exit(0)
    return int(os.read(r, 20))
`, 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	pid, err := strconv.Atoi(view(t, ended))
	if err != nil || processLives(pid) || !b.free() {
		t.Fatalf("daemon %d lives: %v %v", pid, processLives(pid), err)
	}
}

func TestJobThatForksWithoutEndIsCleared(t *testing.T) {
	b := newBench(t)
	ended := b.run(source(t, `
import os, time
def chain():
    while True:
        if os.fork(): os._exit(0)
        os.setsid()
def f(msg):
    for _ in range(4):
        if os.fork() == 0: chain()
    time.sleep(0.1)
    return 1
`, 1))
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
}
