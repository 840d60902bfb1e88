package agent

import (
	"os"

	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// maxCounted bounds how long the count of a folder's files takes: the job's
// end waits for it. maxCountedDepth bounds the folders that are open meanwhile.
const (
	maxCounted      = 10_000 // entries
	maxCountedDepth = 64     // levels
)

// size is how many bytes the files in the job's folder hold, links not
// followed; of a folder with very many, what the first of them hold.
func (w *workdirs) size(id scheduler.JobID) int64 {
	c := &counter{left: maxCounted}
	c.folder(unix.AT_FDCWD, w.path(id), 0)
	return c.bytes
}

// counter goes from open folder to open folder: the job's user may put a link in
// the place of one at any time, and root could go wherever that leads. What cannot
// be read is the job's doing, and counts as nothing.
type counter struct {
	bytes int64
	left  int // entries that may still be looked at
}

func (c *counter) folder(at int, name string, depth int) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	for c.left > 0 {
		names, err := dir.Readdirnames(min(c.left, 256))
		for _, name := range names {
			c.entry(fd, name, depth)
		}
		if err != nil {
			return
		}
	}
}

func (c *counter) entry(dir int, name string, depth int) {
	c.left--
	var stat unix.Stat_t
	if unix.Fstatat(dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		c.bytes += stat.Size
	case unix.S_IFDIR:
		if depth < maxCountedDepth {
			c.folder(dir, name, depth+1)
		}
	}
}
