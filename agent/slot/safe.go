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
	"syscall"
)

// safety remembers which interpreters root may execute: a process of root never
// imports or executes a file that somebody else can write. Nothing is executed
// to find out. Safe for concurrent use.
type safety struct {
	mu    sync.Mutex
	known map[string]error // by the interpreter's path; nil: safe
}

// check says why root must not execute this interpreter, nil if it may.
func (s *safety) check(python string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err, ok := s.known[python]; ok {
		return err
	}
	err := checkEnvironment(python)
	if s.known == nil {
		s.known = map[string]error{}
	}
	s.known[python] = err
	return err
}

// checkEnvironment looks at the interpreter, at every link on the way to it,
// at the library folders of its prefixes with all that lies in them, and at
// the folders that .pth files add.
func checkEnvironment(python string) error {
	prefixes := map[string]bool{filepath.Dir(filepath.Dir(python)): true}
	real, err := checkLinks(python)
	if err != nil {
		return err
	}
	prefixes[filepath.Dir(filepath.Dir(real))] = true
	if home := venvHome(filepath.Dir(filepath.Dir(python))); home != "" {
		prefixes[filepath.Dir(home)] = true
	}
	for prefix := range prefixes {
		libraries, err := filepath.Glob(filepath.Join(prefix, "lib*", "python*"))
		if err != nil {
			return err
		}
		for _, dir := range libraries {
			if err := checkFolder(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLinks follows the links of a file one by one and returns where they end.
func checkLinks(path string) (string, error) {
	const maxLinks = 40 // as the kernel has it
	for range maxLinks {
		if err := checkParents(path); err != nil {
			return "", err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return path, checkOwner(path, info)
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// checkParents looks at every folder above path: who can write one can exchange
// what is below. Not so in root's sticky folders (/tmp): there nobody else can
// rename or remove what is root's, and what is below was or is checked to be.
func checkParents(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if err := checkOwner(dir, info); err != nil && !rootsSticky(info) {
			return err
		}
		if dir == "/" {
			return nil
		}
	}
}

func checkFolder(dir string) error {
	if err := checkParents(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return checkTarget(path)
		}
		if err := checkOwner(path, info); err != nil {
			return err
		}
		if strings.HasSuffix(path, ".pth") && info.Mode().IsRegular() {
			return checkPth(path)
		}
		return nil
	})
}

// checkTarget looks at where a link inside a library leads; one that leads nowhere is harmless.
func checkTarget(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if err := checkParents(real); err != nil {
		return err
	}
	return checkOwner(real, info)
}

// checkPth looks at the folders that a .pth file puts on the path.
func checkPth(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "import") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(filepath.Dir(path), line)
		}
		if _, err := os.Stat(line); err != nil {
			continue // python ignores it too
		}
		if err := checkFolder(line); err != nil {
			return err
		}
	}
	return lines.Err()
}

// rootsSticky: everybody may create in it, only owners may rename and remove.
func rootsSticky(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && info.Mode()&fs.ModeSticky != 0
}

// checkOwner: root's, and nobody else can write it. For a folder that is
// searched, sticky is no exception: who can create in it can add what is looked
// for by name.
func checkOwner(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no owner known", path)
	}
	if stat.Uid != 0 {
		return fmt.Errorf("%s belongs to user %d, not to root", path, stat.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others than root", path)
	}
	return nil
}

// venvHome is the folder of the interpreter that a virtual environment was made with.
func venvHome(prefix string) string {
	text, err := os.ReadFile(filepath.Join(prefix, "pyvenv.cfg"))
	if err != nil {
		return "" // not a virtual environment
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "home" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
