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
	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/internal/blob"
)

// cacheFor is how long a payload stays after its last use: long enough for a
// retry and for a map whose jobs share an argument.
const cacheFor = time.Hour

// cache keeps payloads on disk, by SHA-256. It lies where only the agent can
// write; what it has was checked when it came in, and is when it is used, unless it is as this
// process has seen it: it is code.
type cache struct {
	dir     string
	api     API
	log     zerolog.Logger
	checked checked
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

// open gives the payload with this hash, to be read, fetched if it is not here.
func (c *cache) open(ctx context.Context, sum string) (*os.File, error) {
	path := filepath.Join(c.dir, sum)
	f, err := c.cached(ctx, path, sum)
	if f != nil || err != nil {
		return f, err
	}
	return c.fetch(ctx, sum, path)
}

// cached gives what is here and still has its hash; nil: it is to be fetched. Only what is
// known to be damaged goes: with no descriptor left, say, the file may be good.
func (c *cache) cached(ctx context.Context, path, sum string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		if err = c.checked.check(ctx, f, path, sum); err == nil {
			return f, nil
		}
		closeFile(f)
	}
	if !spoilt(err) {
		return nil, fmt.Errorf("a cached payload: %w", err)
	}
	c.log.Error().Err(err).Str("path", path).Msg("a cached payload is damaged: it is fetched again")
	return nil, os.RemoveAll(path)
}

// spoilt is pure: whether an error of a file says that it is not what it was.
func spoilt(err error) bool {
	return errors.Is(err, errDamaged) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EIO)
}

// fetch writes beside and renames, so that the cache never has half a payload. It gives the
// file that it wrote: who found the one before damaged as well may remove its name again.
func (c *cache) fetch(ctx context.Context, sum, path string) (*os.File, error) {
	body, err := c.api.GetBlob(ctx, sum)
	if err != nil {
		return nil, fmt.Errorf("fetch the payload: %w", err)
	}
	defer body.Close()
	w, err := os.CreateTemp(c.dir, "fetch-*")
	if err != nil {
		return nil, fmt.Errorf("spool the payload: %w", err)
	}
	defer os.Remove(w.Name())
	if err := errors.Join(receive(w, body, sum), w.Close()); err != nil {
		return nil, fmt.Errorf("fetch the payload: %w", err)
	}
	f, err := os.Open(w.Name()) // the job gets it, and must not write through it
	if err != nil {
		return nil, fmt.Errorf("spool the payload: %w", err)
	}
	if err := os.Rename(w.Name(), path); err != nil {
		closeFile(f)
		return nil, fmt.Errorf("spool the payload: %w", err)
	}
	c.checked.wrote(f, path)
	return f, nil
}

// receive writes a payload, and holds it to its hash.
func receive(w io.Writer, body io.Reader, sum string) error {
	h := sha256.New()
	if _, err := blob.CopyHashed(w, body, h); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("its SHA-256 is %s, not %s", got, sum)
	}
	return nil
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
		path := filepath.Join(c.dir, e.Name())
		c.checked.forget(path)
		failed = append(failed, os.Remove(path))
	}
	return errors.Join(failed...)
}
