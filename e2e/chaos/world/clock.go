package world

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
)

//go:embed clock/clock.c
var clockSource []byte

// clock is the wall clock of one process, which it has from a library that is loaded before
// its own: the machine's, and an offset that stands in a file.
type clock struct {
	library, path string
	shared        []byte // the file

	mu     sync.Mutex
	offset time.Duration
	since  time.Duration // on boottime's clock; 0: it was never set, and is as it began
}

// compileClock makes the library. Without a C compiler there is no lab.
func compileClock(dir string) (library string, err error) {
	source, library := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		return "", err
	}
	cc := cmp.Or(os.Getenv("CC"), "gcc")
	if out, err := exec.Command(cc, "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil { //nolint:gosec // whoever runs the tests names it
		return "", fmt.Errorf("the clock of Redis needs a C compiler (gcc and libc6-dev): %w: %s", err, out)
	}
	return library, nil
}

// newClock makes one that is right.
func newClock(library, path string) (*clock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int(unsafe.Sizeof(int64(0)))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	shared, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return &clock{library: library, path: path, shared: shared}, err
}

// env is what a process is given that is to have it.
func (c *clock) env() []string {
	return []string{"LD_PRELOAD=" + c.library, "MLQ_CHAOS_CLOCK=" + c.path}
}

// set has it go on as the machine's and so much, at once: who looks sees the offset before
// or this one. It gives what it was until now.
func (c *clock) set(offset time.Duration) record.Interval {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, until := c.since, c.offset
	c.since, c.offset = boottime.Now(), offset
	atomic.StoreInt64((*int64)(unsafe.Pointer(&c.shared[0])), int64(offset)) //nolint:gosec // a page begins there
	return record.Interval{Kind: record.Clock, FromNS: int64(from), ToNS: int64(boottime.Now()), OffsetNS: int64(until)}
}

func (c *clock) close() error { return unix.Munmap(c.shared) }

// SetClock has the wall clock of a server be that of the machine and so much, now and when
// it starts again, and writes down what it was until now.
func (w *World) SetClock(r *Redis, offset time.Duration) error {
	was := r.clock.set(offset)
	was.Host = r.Name
	return record.Write(w.opts.Record, was)
}

// RightClocks sets the clocks of the store right, and so writes down all that they were.
func (w *World) RightClocks() (err error) {
	for _, r := range w.Store.Servers {
		err = errors.Join(err, w.SetClock(r, 0))
	}
	return err
}
