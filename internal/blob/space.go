package blob

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Space is the room on a disk, in bytes, as ordinary users see it.
type Space struct {
	Free, Total int64
	ReadOnly    bool // it is mounted so: nothing can be kept, however much is free
}

// FreePercent is how much of the disk is free, 0 to 100.
func (s Space) FreePercent() float64 {
	if s.Total <= 0 {
		return 100
	}
	return 100 * float64(s.Free) / float64(s.Total)
}

// Space looks at the disk that the folder lies on.
func (f *Folder) Space(context.Context) (Space, error) { return f.statfs(f.path) }

// SetStatfs replaces the look at the disk, for tests of a full one.
func (f *Folder) SetStatfs(look func(path string) (Space, error)) { f.statfs = look }

func statfs(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	// Bfree−Bavail is kept back for root: neither free nor part of the whole.
	used := int64(st.Blocks - st.Bfree)
	free := int64(st.Bavail) * st.Bsize
	return Space{Free: free, Total: used*st.Bsize + free, ReadOnly: st.Flags&unix.ST_RDONLY != 0}, nil
}
