package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/backup"
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
	found, err := r.fillStore(ctx, func() error { return errors.Join(r.putLogs(ctx, folder), r.putData(), r.bindKeys(ctx, st)) })
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

func (r *restorer) fillStore(ctx context.Context, then func() error) (scheduler.Restored, error) {
	steps, file, err := r.Steps()
	if err != nil {
		return scheduler.Restored{}, err
	}
	defer file.Close() //nolint:errcheck // only read
	return r.sched.Restore(ctx, r.End.Revision, steps.Next, then)
}
