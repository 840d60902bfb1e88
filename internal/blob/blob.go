// Package blob keeps payloads, results and logs in one folder that every
// server of a namespace shares.
//
// A blob is named by the SHA-256 of its bytes and never changes: it is written
// to a temporary file, hashed on the way, synced, renamed into place, and then
// its folder is synced, so that a name that exists has all its bytes, also
// after a power cut. A log is a file per attempt that grows. Nothing that a
// caller sends becomes a path: digests and numbers are checked first, and every
// file is opened through os.Root, which no symbolic link leads out of.
//
//	identity          names the folder; the store knows it too
//	store             names the store; the store knows it too
//	blobs/ab/ab12…    content
//	trash/ab12…       content that no job named at the last look (trash.go)
//	logs/53.1         output of attempt 1 of job 53
//	tmp/              uploads under way
//	swept             its time is that of the last collection
//
// Methods take a context for the sake of those who keep blobs elsewhere
// (api.RemoteBlobs); a folder does not look at it.
package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sentinels of a folder.
var (
	ErrNotFound = errors.New("no such blob")
	// ErrDigest: the bytes are not those that the name promises; nothing was kept.
	ErrDigest = errors.New("the content has another SHA-256")
	// ErrTooLarge: more bytes than allowed; nothing was kept.
	ErrTooLarge = errors.New("the content is too large")
	// ErrGap: a piece of a log does not join what is there.
	ErrGap = errors.New("the log does not reach that offset yet")
	// ErrName: not a SHA-256 in hexadecimal digits.
	ErrName = errors.New("not a SHA-256")
	// ErrAway: the blobs are another server's, which cannot be used now. Trying
	// again may help.
	ErrAway = errors.New("the server that has the blobs is away")
)

// Folder is a folder of blobs. Safe for concurrent use, also by several
// processes and, on a file system that renames atomically, several machines.
type Folder struct {
	root     *os.Root
	path     string
	identity string
	statfs   func(path string) (Space, error)
}

// Open opens or makes a folder of blobs.
func Open(path string) (*Folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	f := &Folder{root: root, path: abs, statfs: statfs}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open blobs in %s: %w", abs, err), root.Close())
	}
	return f, nil
}

func (f *Folder) prepare() error {
	for _, dir := range []string{"blobs", "logs", "tmp", "trash"} {
		if err := f.root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	var err error
	f.identity, err = f.readIdentity()
	return err
}

// readIdentity reads the folder's name, or gives it one.
func (f *Folder) readIdentity() (string, error) {
	identity, err := f.once("identity", rand.Text())
	if err == nil && len(identity) < 16 {
		err = errors.New("the file identity is damaged; restore it from a backup of the folder")
	}
	return identity, err
}

// Owner is the store whose blobs these are: the first that was named here.
func (f *Folder) Owner(store string) (string, error) {
	owner, err := f.once("store", store)
	if err != nil {
		return "", fmt.Errorf("ask whose the blobs are: %w", err)
	}
	return owner, nil
}

// once reads a short file, which is made with this text where there is none. Of
// two processes that make it at once, the one that links first wins.
func (f *Folder) once(name, text string) (string, error) {
	kept, err := f.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.makeOnce(name, text); err != nil {
			return "", err
		}
		kept, err = f.root.ReadFile(name)
	}
	return strings.TrimSpace(string(kept)), err
}

func (f *Folder) makeOnce(name, text string) error {
	return f.write(strings.NewReader(text+"\n"), -1, nil, func(temp string) error {
		err := f.root.Link(temp, name)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return errors.Join(err, f.root.Remove(temp), f.syncDir("."))
	})
}

// Identity names the folder: random, made with it.
func (f *Folder) Identity() string { return f.identity }

// Path is the folder's absolute path.
func (f *Folder) Path() string { return f.path }

// Close frees the folder's descriptor.
func (f *Folder) Close() error { return f.root.Close() }

func blobName(sum string) string { return "blobs/" + sum[:2] + "/" + sum }

func (f *Folder) syncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Content is what was opened to be read.
type Content struct {
	io.ReaderAt // of a folder's: the *os.File
	io.Closer

	Size int64 // bytes
}

// All reads at most limit bytes into memory, and closes. Errors: ErrTooLarge.
func (c Content) All(limit int64) ([]byte, error) {
	defer c.Close() //nolint:errcheck // only read
	if c.Size > limit {
		return nil, ErrTooLarge
	}
	data := make([]byte, c.Size)
	if _, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size), data); err != nil {
		return nil, fmt.Errorf("read a blob: %w", err)
	}
	return data, nil
}

// Open opens a blob for reading. Errors: ErrName, ErrNotFound.
func (f *Folder) Open(_ context.Context, sum string) (Content, error) {
	if !isDigest(sum) {
		return Content{}, ErrName
	}
	c, err := f.open(blobName(sum))
	if !errors.Is(err, ErrNotFound) {
		return c, err
	}
	if err := f.rescue(sum); err != nil {
		return Content{}, err
	}
	return f.open(blobName(sum))
}

func (f *Folder) open(name string) (Content, error) {
	file, err := f.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Content{}, ErrNotFound
	}
	if err != nil {
		return Content{}, fmt.Errorf("open a blob: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return Content{}, errors.Join(fmt.Errorf("open a blob: %w", err), file.Close())
	}
	return Content{file, file, info.Size()}, nil
}

func isDigest(sum string) bool {
	return len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == ""
}
