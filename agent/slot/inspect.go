package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// inspection looks at files and folders with one question: can anybody but root
// change what is found there? The zero value is ready.
type inspection struct {
	walked map[string]bool // folders, by their real path
}

// maxLinks of one path, as the kernel has it.
const maxLinks = 40

// follow walks a path step by step, as the kernel does, and returns where it
// ends. Every folder, link and file on the way must be root's, and no folder
// writable by others: who can write one can exchange what is below.
//
// Not so root's sticky folders (/tmp): there others may create, but rename and
// remove only what is theirs. So what is root's in one stays what it is, be it
// a folder, a file or a link; and each step is checked to be root's. What is not
// there they may create: a path that ends inside of one is not safe.
func (i *inspection) follow(path string) (string, error) {
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			if _, err := checkStep(at, "."); err != nil { // who may exchange at, exchanges what is above
				return "", err
			}
			at = filepath.Dir(at)
			continue
		}
		info, err := checkStep(at, step)
		if errors.Is(err, fs.ErrNotExist) {
			return "", &fs.PathError{Op: "look at", Path: path, Err: syscall.ENOENT}
		}
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = filepath.Join(at, step)
			continue
		}
		target, err := os.Readlink(filepath.Join(at, step))
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many links", path)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// checkStep looks at one name in the folder dir, which has no links in it.
func checkStep(dir, name string) (fs.FileInfo, error) {
	folder, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	sticky := rootsSticky(folder)
	if err := checkOwner(dir, folder); err != nil && !sticky {
		return nil, err
	}
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if sticky && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s could be made by others than root", path)
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() { // looked at as the folder of the next step, or by who asked
		return info, nil
	}
	return info, checkOwner(path, info)
}

// tree looks at a folder that is searched for modules, and at all that lies in
// it; a file is looked at alone. What does not exist is an fs.ErrNotExist.
func (i *inspection) tree(path string) error {
	real, err := i.follow(path)
	if err != nil {
		return err
	}
	if i.walked[real] {
		return nil
	}
	if i.walked == nil {
		i.walked = map[string]bool{}
	}
	i.walked[real] = true
	return filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
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
		return i.entry(path, info)
	})
}

// entry looks at one thing in a folder that is searched. A link is followed; one
// that leads nowhere, where nobody else can make anything, is harmless.
func (i *inspection) entry(path string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		if err := i.tree(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := checkOwner(path, info); err != nil {
		return err
	}
	if strings.HasSuffix(path, ".pth") && info.Mode().IsRegular() {
		return i.pth(path)
	}
	return nil
}

// rootsSticky: everybody may create in it, only owners may rename and remove.
func rootsSticky(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && info.IsDir() && info.Mode()&fs.ModeSticky != 0
}

// checkOwner: root's, and nobody else can write it. (An ACL that lets somebody
// write shows as the group's bit.) For a folder that is searched, sticky is no
// exception: who can create in it can add what is looked for by name. A link has
// no bits of its own.
func checkOwner(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no owner known", path)
	}
	if stat.Uid != 0 {
		return fmt.Errorf("%s belongs to user %d, not to root", path, stat.Uid)
	}
	if info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others than root", path)
	}
	return nil
}
