package slot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	maxOutFiles   = 1000
	maxOutEntries = 20_000 // looked at, whatever they are
	maxOutDepth   = 32
)

// collection is what was found in out/. Everything in there is the job's
// doing: nothing is followed, opened or trusted but folders and plain files.
type collection struct {
	owner   uint32 // of the job's folder: who the job ran as
	files   []OutFile
	inodes  map[inode][]int // places in files of those with several names
	links   map[inode]uint64
	left    map[string]int // what was left out, in words → how many
	entries int
}

type inode struct{ dev, ino uint64 }

// collectOut lists the regular files of out/ below jobDir. The tree of the
// attempt must be dead. left says in words what was not taken.
func collectOut(jobDir string) (files []OutFile, left string, err error) {
	c := &collection{inodes: map[inode][]int{}, links: map[inode]uint64{}, left: map[string]int{}}
	dir, owner, err := openOutDir(jobDir)
	if errors.Is(err, unix.ENOENT) {
		return nil, "", nil
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil, "out/ is not a folder", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("open out/: %w", err)
	}
	defer dir.Close()
	c.owner = owner
	c.walk(dir, "", 0)
	c.dropOutsideLinks()
	sort.Slice(c.files, func(i, j int) bool { return c.files[i].Name < c.files[j].Name })
	return c.files, c.words(), nil
}

func openOutDir(jobDir string) (out *os.File, owner uint32, err error) {
	return openFolderOf(jobDir, outName)
}

// openFolderOf opens a folder in the job's, and tells whose the job's is; what the
// job has put in its place is not followed.
func openFolderOf(jobDir, name string) (folder *os.File, owner uint32, err error) {
	job, err := unix.Open(jobDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(job)
	if owner, err = ownerOf(job); err != nil {
		return nil, 0, err
	}
	folder, err = openFolderAt(job, name)
	return folder, owner, err
}

// ownerOf an open file.
func ownerOf(fd int) (uint32, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Uid, err
}

func openFolderAt(dir int, name string) (*os.File, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (c *collection) walk(dir *os.File, prefix string, depth int) {
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if c.entries++; c.entries > maxOutEntries {
				c.left[fmt.Sprintf("entries beyond the first %d", maxOutEntries)] = 1
				return
			}
			c.visit(dir, prefix, name, depth)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.left["folders that could not be read"]++
			}
			return
		}
	}
}

func (c *collection) visit(dir *os.File, prefix, name string, depth int) {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		c.left["entries that could not be looked at"]++
		return
	}
	if !plainName(name) {
		c.left["names that are not plain text"]++
		return
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if stat.Uid != c.owner {
			c.left["files of other users"]++
			return
		}
		c.add(prefix+name, &stat)
	case unix.S_IFDIR:
		c.descend(dir, prefix, name, depth)
	case unix.S_IFLNK:
		c.left["symbolic links"]++
	case unix.S_IFIFO:
		c.left["FIFOs"]++
	case unix.S_IFSOCK:
		c.left["sockets"]++
	default:
		c.left["devices"]++
	}
}

func (c *collection) descend(dir *os.File, prefix, name string, depth int) {
	if depth == maxOutDepth {
		c.left["folders that lie too deep"]++
		return
	}
	below, err := openFolderAt(int(dir.Fd()), name)
	if err != nil {
		c.left["folders that could not be read"]++
		return
	}
	defer below.Close()
	c.walk(below, prefix+name+"/", depth+1)
}

func (c *collection) add(name string, stat *unix.Stat_t) {
	if len(c.files) == maxOutFiles {
		c.left[fmt.Sprintf("files beyond the first %d", maxOutFiles)]++
		return
	}
	if stat.Nlink > 1 {
		id := inode{stat.Dev, stat.Ino}
		c.inodes[id] = append(c.inodes[id], len(c.files))
		c.links[id] = uint64(stat.Nlink) //nolint:unconvert // 32 bits on arm64
	}
	c.files = append(c.files, OutFile{Name: name, Size: stat.Size})
}

// dropOutsideLinks leaves out files that have a further name outside of out/:
// they may be somebody else's.
func (c *collection) dropOutsideLinks() {
	drop := map[int]bool{}
	for id, places := range c.inodes {
		if c.links[id] == uint64(len(places)) {
			continue
		}
		for _, place := range places {
			drop[place] = true
		}
	}
	kept := c.files[:0]
	for i, f := range c.files {
		if drop[i] {
			c.left["hard links to files outside of out/"]++
		} else {
			kept = append(kept, f)
		}
	}
	c.files = kept
}

func (c *collection) words() string {
	var words []string
	for what, n := range c.left {
		words = append(words, fmt.Sprintf("%d %s", n, what))
	}
	if len(words) == 0 {
		return ""
	}
	sort.Strings(words)
	return "not taken from out/: " + strings.Join(words, ", ")
}

// plainName: valid UTF-8 without control characters.
func plainName(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// OpenOut opens a file that Ended.Files names, for reading. It follows no
// link and opens nothing but a plain file, whatever the job's user has put
// there meanwhile.
func OpenOut(jobDir, name string) (*os.File, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%q is not below out/", name)
	}
	dir, owner, err := openOutDir(jobDir)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: outName, Err: err}
	}
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := openFolderAt(int(dir.Fd()), part)
		dir.Close()
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		dir = next
	}
	defer dir.Close()
	return openPlain(dir, parts[len(parts)-1], owner)
}

// openPlain opens a plain file of this owner: a link to another user's may have
// been put in its place, and root could read that.
func openPlain(dir *os.File, name string, owner uint32) (*os.File, error) {
	// O_NONBLOCK: a FIFO would wait for a writer.
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is not a plain file", name))
	}
	if uid, err := ownerOf(int(file.Fd())); err != nil || uid != owner {
		file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is another user's", name))
	}
	return file, nil
}
