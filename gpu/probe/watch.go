package probe

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// libraryWatch notices that the driver's library on the disk is another one
// than a process has loaded.
type libraryWatch struct {
	name string // libnvidia-ml.so.1
	maps string // the file that tells what the process has mapped
	// first is the file that the name meant when it was looked at first.
	first fileID
	// doubt: the last look found another one. A second one must too, because an
	// upgrade takes its time over several files.
	doubt bool
}

type fileID struct {
	device, inode uint64
	modified      syscall.Timespec
}

// changed looks. An error is no change: the process may be gone.
func (w *libraryWatch) changed() (bool, error) {
	path, deleted, err := loaded(w.maps, w.name)
	if err != nil || path == "" {
		return false, err
	}
	other, err := w.other(path)
	if err != nil {
		return false, err
	}
	was := w.doubt
	w.doubt = deleted || other
	return w.doubt && was, nil
}

// other: the name means another file than at the first look. Files of one name
// are compared with each other, and not with what the process has mapped,
// because file systems in layers give that another number.
func (w *libraryWatch) other(path string) (bool, error) {
	info, err := os.Stat(filepath.Join(filepath.Dir(path), w.name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // in the middle of an upgrade, or removed: then the loaded file is deleted
	}
	if err != nil {
		return false, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	id := fileID{stat.Dev, stat.Ino, stat.Mtim}
	if w.first == (fileID{}) {
		w.first = id
	}
	return id != w.first, nil
}

// loaded finds the file of a library that a process has mapped: by the part of
// its name before the version, because libnvidia-ml.so.1 is a link to
// libnvidia-ml.so.580.95.05. "": none.
func loaded(maps, name string) (path string, deleted bool, err error) {
	f, err := os.Open(maps)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	stem, _, _ := strings.Cut(name, ".so")
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		_, file, found := strings.Cut(scanner.Text(), "/")
		if !found {
			continue
		}
		file, deleted := strings.CutSuffix("/"+file, " (deleted)")
		if strings.HasPrefix(filepath.Base(file), stem+".so") {
			return file, deleted, nil
		}
	}
	return "", false, scanner.Err()
}
