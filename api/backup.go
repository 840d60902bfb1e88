package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// A backup is taken by a client in this order: hold the folder of blobs, take
// the store, list the files and fetch those that it does not have (GET /blobs/…).
// The store first, so that every blob that a record names is there: none is
// collected while they are held.

// holdBackup is for how long a folder is held; who takes longer says so again.
const holdBackup = 2 * time.Hour

// BackupBegun answers POST /backup.
type BackupBegun struct {
	HeldUntil time.Time `json:"held_until"` // until then no blob and no log is removed
}

// beginBackup answers POST /backup.
func (s *Server) beginBackup(c *call) error {
	folder, err := s.ownFolder()
	if err != nil {
		return err
	}
	until := time.Now().Add(holdBackup).UTC().Truncate(time.Second)
	if err := folder.Hold(until); err != nil {
		return err
	}
	return s.write(c, http.StatusOK, BackupBegun{HeldUntil: until})
}

// ownFolder is the folder of blobs where it is this server's own.
func (s *Server) ownFolder() (*blob.Folder, error) {
	switch b := s.opts.Blobs.(type) {
	case *blob.Folder:
		return b, nil
	case *RemoteBlobs:
		return nil, refuse(CodeOtherBlobs, "this server has no blobs of its own; ask the one that it takes them from: "+b.base)
	}
	return nil, refuse(CodeOtherBlobs, "this server has no blobs of its own")
}

// backupStore answers GET /backup/store: a snapshot (package backup). It is
// written to a file before it is sent, so that the store's own snapshot, which
// makes its file grow, ends as soon as the disk is done and not the reader.
func (s *Server) backupStore(c *call) error {
	folder, err := s.ownFolder()
	if err != nil {
		return err
	}
	if s.opts.Snapshots == nil {
		return errors.New("this server's store takes no snapshots")
	}
	file, err := os.CreateTemp(filepath.Join(folder.Path(), "tmp"), "snapshot-")
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	defer file.Close() //nolint:errcheck // it has no name any more
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := s.snapshotWhileGood(c, folder, file); err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return s.serveContent(c, partOf(blob.Content{ReaderAt: file, Closer: io.NopCloser(nil), Size: size}, 0, size),
		served{media: mediaBytes, filename: "store.gz"})
}

// snapshotWhileGood takes a snapshot, of a large store for minutes, unless the token is revoked meanwhile.
func (s *Server) snapshotWhileGood(c *call, folder *blob.Folder, file io.Writer) error {
	defer s.whileGood(c)()
	return c.orRevoked(s.snapshot(c, folder, file))
}

func (s *Server) snapshot(c *call, folder *blob.Folder, file io.Writer) error {
	end, err := s.endOf(c, folder)
	if err != nil {
		return err
	}
	w := backup.NewWriter(file)
	end.Revision, err = s.opts.Snapshots.Snapshot(c.ctx(), w.Add)
	switch {
	case errors.Is(err, store.ErrSnapshot):
		return refuse(CodeUnavailable, err.Error())
	case err != nil:
		return err
	}
	high, err := s.scheduler.HighWater() // now: it is above all ids of the snapshot
	end.HighWater = int64(high)
	if err != nil {
		return err
	}
	return w.End(end)
}

func (s *Server) endOf(c *call, folder *blob.Folder) (backup.End, error) {
	known, answer, err := readBlobFolder(c.ctx(), s.opts.Store)
	return backup.End{
		Taken: answer.Now, Schema: scheduler.SchemaNumber(), Version: s.opts.Version, Folder: folder.Identity(), Owner: known.Store,
	}, err
}

// backupFiles answers GET /backup/files: one backup.File a line, blobs first,
// without the sums of logs; the last line has no name and, as its size, how many
// there were.
func (s *Server) backupFiles(c *call) error {
	folder, err := s.ownFolder()
	if err != nil {
		return err
	}
	defer s.whileSending(c)()
	c.Header().Set("Content-Type", mediaBytes)
	c.WriteHeader(http.StatusOK)
	lines, count := json.NewEncoder(c), int64(0)
	add := func(f backup.File) error {
		count++
		return lines.Encode(f)
	}
	err = folder.Each(c.ctx(), func(sum string, size int64) error {
		return add(backup.File{Name: "blobs/" + sum[:2] + "/" + sum, Size: size, SHA256: sum})
	}, func(name string, size int64) error {
		return add(backup.File{Name: "logs/" + name, Size: size})
	})
	if err != nil {
		return err
	}
	return lines.Encode(backup.File{Size: count})
}
