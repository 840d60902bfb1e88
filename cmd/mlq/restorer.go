package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/highwater"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// restorer fills a place.
type restorer struct {
	*backup.Backup

	io    streams
	data  *dataFolder
	blobs string
	half  bool // another run was cut off while it filled them
	place storePlace
	sched *scheduler.Scheduler
}

// unfinished marks a data folder while it is being filled, with the path of the blobs.
const unfinished = "restoring"

// refuseHalf refuses a data folder that a restore left half filled.
func (d *dataFolder) refuseHalf() error {
	if _, err := os.Stat(d.join(unfinished)); err != nil {
		return nil
	}
	return misconfigured("the data folder %s is half restored: mlq restore did not finish", d.path).with("run mlq restore again; it begins anew")
}

// restoredParts are what a restore fills in the folder of blobs.
var restoredParts = []string{"blobs", "logs"}

// checkFolders refuses live data. What a restore that was cut off has left is none.
func (r *restorer) checkFolders() error {
	if begun, err := os.ReadFile(r.data.join(unfinished)); err == nil && string(begun) == r.blobs {
		r.half = true
		return nil
	}
	for _, part := range restoredParts {
		entries, err := os.ReadDir(filepath.Join(r.blobs, part))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return failed("restore: %w", err)
		}
		if len(entries) > 0 {
			return r.live("the folder of blobs %s holds %s of a server", r.blobs, part)
		}
	}
	return nil
}

// clearHalf removes what a restore that was cut off has left: that, and nothing
// else of a folder which may be the mount of a file system, or somebody's.
func (r *restorer) clearHalf() error {
	if !r.half {
		return nil
	}
	for _, part := range restoredParts {
		if err := os.RemoveAll(filepath.Join(r.blobs, part)); err != nil {
			return failed("restore: %w", err)
		}
	}
	return nil
}

func (r *restorer) live(format string, args ...any) error {
	return failed("refusing to restore over live data: "+format, args...).
		with("move it away (mv %s %s.old), or restore elsewhere with --data, --store and --blobs", r.data.path, r.data.path)
}

// liveStore is live for a store, which on Redis is no part of the data folder.
func (r *restorer) liveStore(what string) error {
	if r.place.kind != onRedis {
		return r.live("%s", what)
	}
	return failed("refusing to restore over live data: %s", what).with("name another namespace with --namespace, or an empty Redis with --store")
}

func (r *restorer) restore(ctx context.Context) (err error) {
	st, err := r.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := r.clearHalf(); err != nil {
		return err
	}
	if err := os.WriteFile(r.data.join(unfinished), []byte(r.blobs), 0o600); err != nil {
		return failed("restore: %w", err)
	}
	folder, err := r.openFolder()
	if err != nil {
		return failed("restore: %w", err)
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := r.putBlobs(ctx, folder); err != nil {
		return failed("restore of the blobs: %w", err)
	}
	found, err := r.fillStore(ctx, func() error { return errors.Join(r.putLogs(ctx, folder), r.putData()) })
	if err != nil {
		return failed("%w", err)
	}
	if err := os.Remove(r.data.join(unfinished)); err != nil {
		return failed("restore: %w", err)
	}
	fmt.Fprintf(r.io.out, "restored %d jobs as of %s; %d that were running then are queued again\n",
		found.Jobs, r.End.Taken.Local().Format(time.DateTime), found.Voided)
	if len(r.Data) == 0 {
		fmt.Fprintln(r.io.err, "mlq: the backup has no keys and tokens of the server's data folder: without its secret.key no secret opens, and with a new certificate no pin holds")
	}
	fmt.Fprintln(r.io.out, "start the servers, and after them the agents; old jobs wait out the hold-off (75 s)")
	return nil
}

// openStore refuses one that is in use.
func (r *restorer) openStore(ctx context.Context) (store.Store, error) {
	st, err := r.place.open(ctx)
	if err != nil {
		return nil, err
	}
	r.sched, err = scheduler.New(st, scheduler.Options{Log: zerolog.Nop(), Version: version})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	free, err := r.sched.Free(ctx)
	if err == nil && !free {
		err = r.liveStore(r.whatIsThere(ctx, st))
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// whatIsThere names the store, without its credentials, and counts its jobs.
func (r *restorer) whatIsThere(ctx context.Context, st store.Store) string {
	worth, err := st.Describe(ctx)
	where, _, _ := strings.Cut(worth, ": ")
	if err != nil {
		where = "the store"
	}
	n := int64(0)
	counts, err := r.sched.JobCount(ctx)
	for _, c := range counts {
		n += c
	}
	if err != nil {
		return where + " holds something"
	}
	return fmt.Sprintf("%s holds %d jobs", where, n)
}

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

func (r *restorer) fillStore(ctx context.Context, then func() error) (scheduler.Restored, error) {
	steps, file, err := r.Steps()
	if err != nil {
		return scheduler.Restored{}, err
	}
	defer file.Close() //nolint:errcheck // only read
	return r.sched.Restore(ctx, r.End.Revision, steps.Next, then)
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
