package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Backup is a backup that was opened to be read.
type Backup struct {
	Manifest

	root *os.Root
}

// Open opens the backup in dir. Errors: ErrNone, ErrDamaged.
func Open(dir string) (*Backup, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Backup{m, root}, nil
}

// Close frees the folder.
func (b *Backup) Close() error { return b.root.Close() }

// Check reads all of it once and compares the sums. Errors: ErrDamaged.
func (b *Backup) Check(ctx context.Context, done func(bytes int64)) error {
	for _, f := range append([]File{b.Store, b.Files}, b.Data...) {
		if err := b.check(f); err != nil {
			return err
		}
	}
	count, bytes := 0, int64(0)
	err := b.Each(func(f File) error {
		count++
		bytes += f.Size
		done(bytes)
		return errors.Join(ctx.Err(), b.check(f))
	})
	if err == nil && (count != b.Count || bytes != b.Bytes) {
		err = fmt.Errorf("%w: %d files with %d bytes, it should be %d with %d", ErrDamaged, count, bytes, b.Count, b.Bytes)
	}
	return err
}

func (b *Backup) check(f File) error {
	r, err := b.Read(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer r.Close() //nolint:errcheck // only read
	digest := sha256.New()
	n, err := io.Copy(digest, r)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name, err)
	case n != f.Size:
		return fmt.Errorf("%w: %s has %d of its %d bytes", ErrDamaged, f.Name, n, f.Size)
	case hex.EncodeToString(digest.Sum(nil)) != f.SHA256:
		return fmt.Errorf("%w: %s was changed", ErrDamaged, f.Name)
	}
	return nil
}

// Read opens a file. Of one that has grown since, as logs do, it gives what
// belongs to this backup.
func (b *Backup) Read(f File) (io.ReadCloser, error) {
	file, err := b.root.Open(filepath.FromSlash(f.Name))
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, f.Size), file}, nil
}

// Each calls do with the files that the list names: blobs, then logs.
func (b *Backup) Each(do func(File) error) error {
	list, err := b.Read(b.Files)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer list.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(list); lines.Scan(); {
		var f File
		if err := json.Unmarshal(bytes.TrimSpace(lines.Bytes()), &f); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrDamaged, b.Files.Name, err)
		}
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// Steps opens the snapshot of the store.
func (b *Backup) Steps() (*Reader, io.Closer, error) {
	r, err := b.Read(b.Store)
	if err != nil {
		return nil, nil, err
	}
	steps, err := NewReader(r)
	return steps, r, err
}

// Prune removes what the backup in dir has no use for: of older ones, and of
// those that were cut off.
func (b *Backup) Prune(dir string) error {
	keep := map[string]bool{manifestName: true, b.Store.Name: true, b.Files.Name: true}
	for _, f := range b.Data {
		keep[f.Name] = true
	}
	if err := b.Each(func(f File) error { keep[f.Name] = true; return nil }); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		name = filepath.ToSlash(name)
		if err != nil || keep[name] || !ours(name) {
			return err
		}
		return b.root.Remove(filepath.FromSlash(name))
	})
}

// ours: what else a person put into the folder stays.
func ours(name string) bool {
	for _, begins := range []string{"store-", "files-", "blobs/", "logs/", "data/", ".part-"} {
		if strings.HasPrefix(name, begins) {
			return true
		}
	}
	return false
}
