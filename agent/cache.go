package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/blob"
)

// cacheFor is how long a payload stays after its last use: long enough for a
// retry and for a map whose jobs share an argument.
const cacheFor = time.Hour

// cache keeps payloads on disk, by SHA-256. It lies where only the agent can
// write; what it has was checked when it came in, and is each time it is used: it is code.
type cache struct {
	dir string
	api API
	log zerolog.Logger
}

// bootFile says in which boot of the host the cache was filled.
const bootFile = ".boot"

// since empties the cache where another boot of the host filled it: its files are not
// synced, and after a loss of power one may have its name and size, and holes.
func (c *cache) since(boot string) error {
	path := filepath.Join(c.dir, bootFile)
	if filled, err := os.ReadFile(path); err == nil && string(filled) == boot {
		return nil
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(c.dir, e.Name())); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(boot), 0o600)
}

// open gives the payload with this hash, fetched if it is not here.
func (c *cache) open(ctx context.Context, sum string) (*os.File, error) {
	path := filepath.Join(c.dir, sum)
	f, err := c.cached(path, sum)
	if f != nil || err != nil {
		return f, err
	}
	if err := c.fetch(ctx, sum, path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// cached gives what is here and still has its hash; nil: it is to be fetched.
func (c *cache) cached(path, sum string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		if err = checkFile(f, sum); err == nil {
			err = used(path)
		}
		if err == nil {
			return f, nil
		}
		closeFile(f)
	}
	c.log.Error().Err(err).Str("path", path).Msg("a cached payload is damaged: it is fetched again")
	return nil, os.RemoveAll(path)
}

// checkFile holds a file to its hash, and goes back to its start.
func checkFile(f *os.File, sum string) error {
	got, _, err := hashFile(f)
	if err == nil && got != sum {
		err = fmt.Errorf("its SHA-256 is %s", got)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err
}

// used keeps the janitor from a file, unless it was faster: whoever has it open has it.
func used(path string) error {
	now := time.Now()
	err := os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// fetch writes beside and renames, so that the cache never has half a payload.
func (c *cache) fetch(ctx context.Context, sum, path string) error {
	body, err := c.api.GetBlob(ctx, sum)
	if err != nil {
		return fmt.Errorf("fetch the payload: %w", err)
	}
	defer body.Close()
	f, err := os.CreateTemp(c.dir, "fetch-*")
	if err != nil {
		return fmt.Errorf("spool the payload: %w", err)
	}
	defer os.Remove(f.Name())
	h := sha256.New()
	_, err = blob.CopyHashed(f, body, h)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("fetch the payload: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("fetch the payload: its SHA-256 is %s, not %s", got, sum)
	}
	return os.Rename(f.Name(), path)
}

// sweep removes what was not used for cacheFor, and what a crash left half fetched.
func (c *cache) sweep(now time.Time) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || e.Name() == bootFile || now.Sub(info.ModTime()) < cacheFor {
			continue // gone meanwhile, or still wanted
		}
		failed = append(failed, os.Remove(filepath.Join(c.dir, e.Name())))
	}
	return errors.Join(failed...)
}
