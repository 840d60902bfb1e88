package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A blob that nobody names is removed in two steps, so that none goes which a
// submit is about to name, on whatever server, without a lock between them:
//
//  1. one that was not touched for long is renamed to trash/
//  2. one that has lain there for a while is deleted, if none of the jobs that
//     there were meanwhile names it
//
// Whoever opens or touches a blob of the trash brings it back with a rename.
// Rename and delete are atomic: either it is back, or it is ErrNotFound.

// Touch says that a blob will be named: it is kept for the age of the
// collection from now on. Errors: ErrName, ErrNotFound.
func (f *Folder) Touch(_ context.Context, sum string) error {
	if !isDigest(sum) {
		return ErrName
	}
	now := time.Now()
	err := f.root.Chtimes(blobName(sum), now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return f.rescue(sum)
	}
	if err != nil {
		return fmt.Errorf("touch a blob: %w", err)
	}
	return nil
}

// rescue brings a blob back from the trash, as touched now. In the trash the
// time is that of its coming there, so the blob must be touched before it is
// moved: the other way round somebody could take it for old in between.
func (f *Folder) rescue(sum string) error {
	now := time.Now()
	err := f.root.Chtimes(trashName(sum), now, now)
	if err == nil {
		err = f.root.Rename(trashName(sum), blobName(sum))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.notFound(sum)
	case err != nil:
		return fmt.Errorf("take a blob out of the trash: %w", err)
	}
	return f.syncDir("blobs/" + sum[:2])
}

// notFound looks again: somebody else may just have brought the blob back.
func (f *Folder) notFound(sum string) error {
	_, err := f.root.Stat(blobName(sum))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

func trashName(sum string) string { return "trash/" + sum }
