package slot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
	"golang.org/x/sys/unix"
)

// hashBuffer is how many bytes of a result are read at once.
const hashBuffer = 256 << 10

// spool is the folder of results and logs. Their names are numbers of ours;
// a job gets descriptors and never a path.
type spool struct{ dir string }

func (s spool) path(ref scheduler.LeaseRef, kind string) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d-%d.%s", ref.Job, ref.Fence, kind))
}

func (s spool) logPath(ref scheduler.LeaseRef) string    { return s.path(ref, "log") }
func (s spool) resultPath(ref scheduler.LeaseRef) string { return s.path(ref, "result") }

// createLog makes the log file, empty.
func (s spool) createLog(ref scheduler.LeaseRef) (*os.File, error) {
	return os.OpenFile(s.logPath(ref), os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
}

// resultFile is where a runner writes its envelope: without a name until keep.
type resultFile struct {
	file  *os.File
	named string // on a file system without O_TMPFILE it has one from the start
	along *trail // nil: it is hashed when it is kept
}

// hashAlong begins to hash what the runner writes now, which is large.
func (r *resultFile) hashAlong() {
	if r.along == nil {
		r.along = follow(r.file)
	}
}

// hash is that of all that was written.
func (r *resultFile) hash() (sum string, size int64, err error) {
	if r.along == nil {
		return hashOf(r.file)
	}
	info, err := r.file.Stat()
	if err != nil {
		return "", 0, err
	}
	if sum, size, err = r.along.finish(); err != nil || size == info.Size() {
		return sum, size, err
	}
	return hashOf(r.file) // it was cut meanwhile
}

func (s spool) createResult(ref scheduler.LeaseRef) (*resultFile, error) {
	file, err := os.OpenFile(s.dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return &resultFile{file: file}, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return nil, err
	}
	name := s.path(ref, "part")
	file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	return &resultFile{file: file, named: name}, err
}

// keep gives the result its name. All processes that could write to it are dead.
// It is not synced: until the server has it, which syncs it, a loss of power ends
// the attempt, and intact tells the next slot of this host whether it survived.
func (s spool) keep(r *resultFile, ref scheduler.LeaseRef) (*Result, error) {
	sum, size, err := r.hash()
	if err != nil {
		return nil, fmt.Errorf("hash the result: %w", err)
	}
	path := s.resultPath(ref)
	if err := r.link(path); err != nil {
		return nil, fmt.Errorf("name the result: %w", err)
	}
	return &Result{Path: path, SHA256: sum, Size: size}, nil
}

// intact reports whether a result is on disk as it was kept.
func (r *Result) intact() bool {
	file, err := os.Open(r.Path)
	if err != nil {
		return false
	}
	defer file.Close()
	sum, size, err := hashOf(file)
	return err == nil && sum == r.SHA256 && size == r.Size
}

// hashOf reads a file from its start, whatever its offset.
func hashOf(file *os.File) (sum string, size int64, err error) {
	hash := sha256.New()
	size, err = io.CopyBuffer(hash, io.NewSectionReader(file, 0, 1<<62), make([]byte, hashBuffer))
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

func (r *resultFile) link(path string) error {
	if r.named != "" {
		err := os.Rename(r.named, path)
		r.named = ""
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	from := "/proc/self/fd/" + strconv.Itoa(int(r.file.Fd()))
	return unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// close drops the file, unless it was kept.
func (r *resultFile) close() {
	r.file.Close()
	if r.named != "" {
		_ = os.Remove(r.named) // swept with the attempt otherwise
	}
}

// header reads what the runner wrote. (nil, nil): it wrote nothing.
func (r *resultFile) header() (*envelope.Header, error) {
	info, err := r.file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, nil
	}
	h, err := envelope.ReadHeader(io.NewSectionReader(r.file, 0, info.Size()))
	if err != nil {
		return nil, err
	}
	if h.Size != info.Size() {
		return nil, fmt.Errorf("%w: %d bytes, its header says %d", envelope.ErrInvalid, info.Size(), h.Size)
	}
	return h, nil
}

// replace makes data the content of the file.
func (r *resultFile) replace(data []byte) error {
	if err := r.file.Truncate(0); err != nil {
		return err
	}
	_, err := r.file.WriteAt(data, 0)
	return err
}

// remove deletes the files of an attempt.
func (s spool) remove(ref scheduler.LeaseRef) error {
	var errs []error
	for _, kind := range []string{"log", "result", "part"} {
		if err := os.Remove(s.path(ref, kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
