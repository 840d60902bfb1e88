package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Hold keeps all that is in the folder from being collected, by whatever
// server, until t or a later time that was named before.
func (f *Folder) Hold(t time.Time) error {
	held, err := f.Held()
	if err != nil || held.After(t) {
		return err
	}
	if err = f.root.WriteFile("held", nil, 0o600); err == nil {
		err = f.root.Chtimes("held", t, t)
	}
	if err != nil {
		return fmt.Errorf("hold the blobs: %w", err)
	}
	return nil
}

// Held is until when nothing may be collected; zero or past: it may.
func (f *Folder) Held() (time.Time, error) {
	info, err := f.root.Stat("held")
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look whether the blobs are held: %w", err)
	}
	return info.ModTime(), nil
}

// Each calls do with the name and size of every blob, then of every log
// ("53.1"), in no order. Those that come meanwhile may be missed;
// of those that are there none is, while the folder is held.
func (f *Folder) Each(ctx context.Context, blob, log func(name string, size int64) error) error {
	blobs := func(dir string) error {
		return f.each(ctx, dir, func(name string, info fs.FileInfo) error {
			if !isDigest(name) {
				return nil
			}
			return blob(name, info.Size())
		})
	}
	// The trash first: what is held only moves from there to the others, and may
	// so be told twice, but not missed.
	if err := blobs("trash"); err != nil {
		return err
	}
	dirs, err := f.dirs()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := blobs(dir); err != nil {
			return err
		}
	}
	return f.each(ctx, "logs", func(name string, info fs.FileInfo) error { return log(name, info.Size()) })
}
