// Package backup is what `mlq backup` writes and `mlq restore` reads.
//
//	manifest.json     what the backup is; written last, so that there is none before all else is there
//	store-XXXX.gz     the store at one moment: one step (store.Op) a line, then an End
//	files-XXXX.jsonl  the files below, one File a line
//	blobs/ab/ab12…    payloads and results, by their SHA-256
//	logs/53.1         the output of attempt 1 of job 53
//	data/…            of the server's data folder, where that was asked for
//
// A later backup into the same folder takes only blobs that are not there yet. Until its
// manifest replaces the older one, that one is whole.
package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Format is the number of this layout. A reader refuses any other.
const Format = 1

// End is the last line of a snapshot: without it, the rest is not all of it.
type End struct {
	Op        string    `json:"op"` // "end"
	Steps     int       `json:"steps"`
	Revision  uint64    `json:"revision"`
	Taken     time.Time `json:"taken"` // about when
	Schema    int       `json:"schema"`
	Version   string    `json:"version"`    // of the server
	HighWater int64     `json:"high_water"` // no id above it was issued by the server
	Folder    string    `json:"folder"`     // identity of the folder of blobs
	Owner     string    `json:"owner"`      // the store's name, as the folder knows it
}

// File is a file of a backup.
type File struct {
	Name   string `json:"name"` // below the backup's folder, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Manifest says what a backup is and what belongs to it.
type Manifest struct {
	Format int    `json:"format"`
	Store  File   `json:"store"`
	Files  File   `json:"files"`
	Jobs   int    `json:"jobs"`
	Count  int    `json:"count"` // of the files
	Bytes  int64  `json:"bytes"` // of them together
	Data   []File `json:"data"`
	End    End    `json:"end"`
	// Sum is the SHA-256 of the manifest's JSON with an empty Sum.
	Sum string `json:"sum"`
}

const manifestName = "manifest.json"

var (
	// ErrNone: the folder holds no backup, or one that was never finished.
	ErrNone = errors.New("no finished backup")
	// ErrDamaged: the backup is not what it was when it was written.
	ErrDamaged = errors.New("the backup is damaged")
)

func (m Manifest) sum() (string, error) {
	m.Sum = ""
	text, err := json.Marshal(m)
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:]), err
}

// Write writes the manifest of dir, with its sum, in one step.
func (m Manifest) Write(dir string) error {
	var err error
	m.Format = Format
	if m.Sum, err = m.sum(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = Keep(dir, manifestName, bytes.NewReader(append(text, '\n')))
	return err
}

// ReadManifest reads the manifest of dir. Errors: ErrNone, ErrDamaged.
func ReadManifest(dir string) (m Manifest, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("%s: %w (it has no %s)", dir, ErrNone, manifestName)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if m.Format > Format {
		return m, fmt.Errorf("the backup has format %d, made by mlq %s, and this mlq reads format %d", m.Format, m.End.Version, Format)
	}
	if sum, err := m.sum(); err != nil || sum != m.Sum {
		return m, fmt.Errorf("%w: %s was changed", ErrDamaged, manifestName)
	}
	return m, nil
}

// Keep writes what r gives to a file below dir, whole and on disk or not at all.
func Keep(dir, name string, r io.Reader) (File, error) {
	f := File{Name: name}
	final := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return f, err
	}
	temp, err := os.CreateTemp(filepath.Dir(final), ".part-")
	if err != nil {
		return f, err
	}
	digest := sha256.New()
	f.Size, err = io.Copy(io.MultiWriter(temp, digest), r)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return f, errors.Join(err, os.Remove(temp.Name()))
	}
	f.SHA256 = hex.EncodeToString(digest.Sum(nil))
	if err := os.Rename(temp.Name(), final); err != nil {
		return f, err
	}
	return f, syncDir(filepath.Dir(final))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
