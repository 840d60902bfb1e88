package slot

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// safety remembers which interpreters root may execute: a process of root never
// imports or executes a file that somebody else can write. Nothing is executed
// to find out. Safe for concurrent use.
type safety struct {
	runner string // the folder of the runner, which root imports too

	mu    sync.Mutex
	known map[string]finding // by the interpreter's path
}

// finding is what was found, and when: root itself may change what it looked at.
type finding struct {
	err error // nil: safe
	at  time.Time
}

// freshly is how old a finding may be when a process of root is started on it.
// What root imports later it has then, in memory.
const freshly = 10 * time.Second

// check says why root must not execute this interpreter, nil if it may.
func (s *safety) check(python string) error { return s.find(python, -1) }

// recheck is check with a finding that is not old.
func (s *safety) recheck(python string) error { return s.find(python, freshly) }

// find looks anew where there is no finding, or one older than maxAge (< 0: any will do).
func (s *safety) find(python string, maxAge time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.known[python]; ok && (maxAge < 0 || time.Since(f.at) <= maxAge) {
		return f.err
	}
	err := CheckForRoot(python, s.runner)
	if s.known == nil {
		s.known = map[string]finding{}
	}
	s.known[python] = finding{err, time.Now()}
	return err
}

// CheckForRoot says why a process of root must not execute this interpreter, nil
// if it may. It looks at every step of every path that leads to the interpreter,
// its pyvenv.cfg and its libraries, at all that lies in these, at the folders
// that .pth files add, and at further folders that it is to import from.
func CheckForRoot(python string, more ...string) error {
	var i inspection
	for _, dir := range more {
		if err := i.tree(dir); err != nil {
			return err
		}
	}
	real, err := i.follow(python)
	if err != nil {
		return err
	}
	bin := filepath.Dir(python)
	starts := []string{bin, filepath.Dir(real)}
	for _, dir := range []string{bin, filepath.Dir(bin)} {
		home, err := i.venvHome(filepath.Join(dir, "pyvenv.cfg"))
		if err != nil {
			return err
		}
		if home != "" {
			starts = append(starts, home)
		}
	}
	for _, start := range starts {
		if err := i.prefixAbove(start); err != nil {
			return err
		}
	}
	return nil
}

// prefixAbove looks at the libraries of the interpreter in a folder: it takes the
// nearest folder on the way up, itself included, that has some (getpath.py).
func (i *inspection) prefixAbove(start string) error {
	for dir := filepath.Clean(start); ; dir = filepath.Dir(dir) {
		found, err := i.libraries(dir)
		if err != nil || found || dir == filepath.Dir(dir) {
			return err
		}
	}
}

// libraries looks at what an interpreter of this prefix imports from and links to,
// and reports whether that is one; Debian's also looks into PREFIX/local.
func (i *inspection) libraries(prefix string) (found bool, err error) {
	for _, pattern := range []string{"lib*/python*", "local/lib*/python*", "lib*/*.so*"} {
		paths, err := filepath.Glob(filepath.Join(prefix, pattern))
		if err != nil {
			return false, err
		}
		found = found || len(paths) > 0 && pattern == "lib*/python*"
		for _, path := range paths {
			if err := i.tree(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a link to nothing
				return false, err
			}
		}
	}
	return found, nil
}

// venvHome reads the folder of the interpreter that a virtual environment was
// made with; "" where there is no such file.
func (i *inspection) venvHome(config string) (string, error) {
	path, err := i.follow(config)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		key, value, _ := strings.Cut(line, "=")
		if strings.EqualFold(strings.TrimSpace(key), "home") {
			return strings.TrimSpace(value), nil
		}
	}
	return "", nil
}

// pth looks at the folders that a .pth file puts on the path, reading it as
// site.py does.
func (i *inspection) pth(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if err := i.pthLine(path, lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (i *inspection) pthLine(path, line string) error {
	switch {
	case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t"):
		// setuptools, meson-python, scikit-build-core: __editable___x_finder, _x_editable_loader, _x_editable
		if strings.Contains(strings.ToLower(line), "editable") {
			return fmt.Errorf("%s: an editable installation, whose files lie elsewhere", path)
		}
		return nil // code of root's own
	}
	line = strings.TrimRight(line, " \t\r")
	if !filepath.IsAbs(line) {
		line = filepath.Join(filepath.Dir(path), line)
	}
	err := i.tree(line)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nobody else can make it, and python ignores it
	}
	return err
}
