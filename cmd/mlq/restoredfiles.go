package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/scheduler"
)

// openFolder makes the folder of blobs the one that the store knows.
func (r *restorer) openFolder() (*blob.Folder, error) {
	if err := os.MkdirAll(r.blobs, 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"identity": r.End.Folder, "store": r.End.Owner} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(r.blobs, name), []byte(text+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return blob.Open(r.blobs)
}

func (r *restorer) putBlobs(ctx context.Context, folder *blob.Folder) error {
	return r.Each(func(f backup.File) error {
		if !strings.HasPrefix(f.Name, "blobs/") {
			return nil
		}
		content, err := r.Read(f)
		if err != nil {
			return err
		}
		defer content.Close() //nolint:errcheck // only read
		_, err = folder.Put(ctx, f.SHA256, content, -1)
		return err
	})
}

// putLogs writes the logs of attempts that the store knows. One that began after
// the snapshot will be another attempt, and must not find that one's log.
func (r *restorer) putLogs(ctx context.Context, folder *blob.Folder) error {
	return r.Each(func(f backup.File) error {
		name, isLog := strings.CutPrefix(f.Name, "logs/")
		if !isLog {
			return nil
		}
		id, n, _ := strings.Cut(name, ".")
		job, err1 := strconv.ParseInt(id, 10, 64)
		attempt, err2 := strconv.Atoi(n)
		if err1 != nil || err2 != nil {
			return nil
		}
		known, err := r.sched.Attempts(ctx, []scheduler.JobID{scheduler.JobID(job)})
		if err != nil || attempt > known[scheduler.JobID(job)] {
			return err
		}
		content, err := r.Read(f)
		if err != nil {
			return err
		}
		defer content.Close() //nolint:errcheck // only read
		_, err = folder.WriteLog(ctx, job, attempt, 0, content, f.Size)
		return err
	})
}

// putData puts back what lay in the server's data folder. What is there stays,
// but for the highest id, which is never lowered.
func (r *restorer) putData() error {
	for _, f := range r.Data {
		name := strings.TrimPrefix(f.Name, "data/")
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%w: a file %q", backup.ErrDamaged, f.Name)
		}
		if _, err := os.Stat(r.data.join(name)); err == nil {
			fmt.Fprintf(r.io.err, "%s is there already, and stays\n", r.data.join(name))
			continue
		}
		content, err := r.Read(f)
		if err != nil {
			return err
		}
		_, err = backup.Keep(r.data.path, name, content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return highwater.New(r.data.join("highest_job_id")).Raise(scheduler.JobID(r.End.HighWater))
}
