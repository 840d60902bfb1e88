package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
)

const copyBuffer = 256 << 10

// Put keeps what r delivers under the name sum, at most limit bytes, and
// returns how many they were. It reads r to its end also when the blob is
// there already. Errors: ErrName, ErrDigest, ErrTooLarge, those of r and of the disk.
func (f *Folder) Put(_ context.Context, sum string, r io.Reader, limit int64) (int64, error) {
	if !isDigest(sum) {
		return 0, ErrName
	}
	_, n, err := f.put(r, limit, func(got string) bool { return got == sum })
	return n, err
}

// Add keeps what r delivers, at most limit bytes, and returns its name and how many
// they were: for who computes the SHA-256 only while it sends, and compares. Errors:
// ErrTooLarge, those of r and of the disk.
func (f *Folder) Add(_ context.Context, r io.Reader, limit int64) (sum string, n int64, err error) {
	return f.put(r, limit, func(string) bool { return true })
}

// put keeps what r delivers under its SHA-256, if that is wanted.
func (f *Folder) put(r io.Reader, limit int64, wanted func(sum string) bool) (sum string, n int64, err error) {
	hash := sha256.New()
	counted := &counter{r: r}
	err = f.write(counted, limit, hash, func(temp string) error {
		sum = hex.EncodeToString(hash.Sum(nil))
		if !wanted(sum) {
			return ErrDigest
		}
		return f.install(temp, sum)
	})
	return sum, counted.n, err
}

// PutBytes keeps data and returns its name.
func (f *Folder) PutBytes(ctx context.Context, data []byte) (string, error) {
	sum := Sum(data)
	if err := f.Touch(ctx, sum); !errors.Is(err, ErrNotFound) {
		return sum, err
	}
	return sum, f.write(bytes.NewReader(data), -1, nil, func(temp string) error { return f.install(temp, sum) })
}

// Sum is the name of data.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// write copies r to a temporary file, syncs it, and hands its name to done. Where that fails, too,
// nothing is left: on a full disk who tries again would fill the rest.
func (f *Folder) write(r io.Reader, limit int64, hash hash.Hash, done func(temp string) error) error {
	temp := "tmp/" + rand.Text()
	file, err := f.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write a blob: %w", err)
	}
	if err = copySync(file, r, limit, hash); err == nil {
		err = done(temp)
	}
	if err != nil {
		err = errors.Join(err, f.removed(temp))
	}
	return err
}

// removed removes a temporary file; done may have moved it already.
func (f *Folder) removed(temp string) error {
	err := f.root.Remove(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func copySync(file *os.File, r io.Reader, limit int64, hash hash.Hash) error {
	if limit >= 0 {
		r = &limited{r: r, left: limit}
	}
	if err := copyTo(file, r, hash); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync a blob: %w", err), file.Close())
	}
	return file.Close()
}

// copyTo writes all of r, and into hash, if that is not nil.
func copyTo(file *os.File, r io.Reader, hash hash.Hash) (err error) {
	if hash != nil {
		_, err = CopyHashed(&earlyWriter{file: file}, r, hash)
		return err
	}
	_, err = io.CopyBuffer(plainWriter{file}, r, make([]byte, copyBuffer))
	return err
}

// install moves a complete file to its name.
func (f *Folder) install(temp, sum string) error {
	dir := "blobs/" + sum[:2]
	if err := f.root.Mkdir(dir, 0o700); err == nil {
		if err := f.syncDir("blobs"); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keep a blob: %w", err)
	}
	if err := f.root.Rename(temp, dir+"/"+sum); err != nil {
		return fmt.Errorf("keep a blob: %w", err)
	}
	return f.syncDir(dir)
}
