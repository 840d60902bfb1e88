package agent

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stamp is what changes with whatever is written to a file. Its time of change alone has the
// kernel's coarse clock; that of modification is the one that use has set, to the nanosecond.
type stamp struct {
	inode        uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stampOf(f *os.File) (stamp, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return stamp{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return stamp{s.Ino, s.Size, s.Mtim, s.Ctim}, nil
}

// checked are the stamps of the files that this process has held to their hashes, by path: each
// job with the same argument of some GiB would keep a device waiting for seconds of SHA-256.
// Safe for concurrent use.
type checked struct {
	mu     sync.Mutex
	stamps map[string]stamp
}

// check holds a file to its hash, unless it is as it was when that was last done. It notes the use.
func (c *checked) check(ctx context.Context, f *os.File, path, sum string) error {
	before, err := stampOf(f)
	if err != nil || c.use(f, path, stamp{}) {
		return err
	}
	if err := checkFile(ctx, f, sum); err != nil {
		return err
	}
	c.use(f, path, before) // where it has another one by now, the next job reads it again
	return nil
}

// wrote notes a file that was held to its hash while this process wrote it.
func (c *checked) wrote(f *os.File, path string) {
	if now, err := stampOf(f); err == nil {
		c.use(f, path, now)
	}
}

// use keeps the janitor from a file that has the stamp good, or the one that is remembered, and
// remembers its new one: touching it is a change as well. false: it has neither.
func (c *checked) use(f *os.File, path string, good stamp) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := stampOf(f)
	if err != nil || now != good && now != c.stamps[path] {
		return false
	}
	// Without it the janitor is sooner here, and whoever has the file open has it.
	_ = os.Chtimes(path, time.Now(), time.Now())
	if c.stamps == nil {
		c.stamps = map[string]stamp{}
	}
	if now, err = stampOf(f); err == nil {
		c.stamps[path] = now
	}
	return true
}

// forget is for a file that goes.
func (c *checked) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stamps, path)
}

// checkFile holds a file to its hash, and goes back to its start.
func checkFile(ctx context.Context, f *os.File, sum string) error {
	got, _, err := hashFile(ctx, f)
	if err == nil && got != sum {
		err = fmt.Errorf("%w: its SHA-256 is %s", errDamaged, got)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err
}
