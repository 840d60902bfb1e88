package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/lockfile"
)

const backupLong = `Write everything that a server keeps to DIR while it runs: jobs, users, tokens,
results, payloads and logs, as the store was at one moment. Needs an admin's token.

Into a DIR with an earlier backup only what is new is fetched; that one stays
whole until the new one is. A backup that was cut off is none.

Keys and tokens of the server's data folder never travel: where this machine
is the server's, --data DATA takes them along.`

func newBackup(io streams) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:     "backup DIR",
		Short:   "Write everything that a server keeps to a folder, while it runs (for admins)",
		Long:    backupLong,
		Example: "  mlq backup /mnt/backup/mlq --data /var/lib/mlq",
		Args:    exactly(1, "one folder"),
	}
	cmd.Flags().StringVar(&data, "data", "", "the server's data folder, where it is on this machine: its keys and tokens are kept too")
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		return (&backupTaker{remote: r, dir: args[0], data: data, io: io}).take(cmd.Context())
	}
	return cmd
}

// backupTaker takes one backup.
type backupTaker struct {
	*remote

	dir, data string
	io        streams
	held      time.Time // since when the server keeps all blobs
	m         backup.Manifest
	fetched   int
}

func (b *backupTaker) take(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return failed("backup: %w", err)
	}
	lock, err := lockfile.AcquireOwn(filepath.Join(b.dir, "backup.lock"))
	if errors.Is(err, lockfile.ErrLocked) {
		return failed("another backup into %s is being taken", b.dir)
	}
	if err != nil {
		return failed("backup: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	before, err := backup.ReadManifest(b.dir)
	if err != nil && !errors.Is(err, backup.ErrNone) {
		return failed("%s: %w", b.dir, err).with("take the backup into another folder")
	}
	// They may be the only copy of the key that opens the secrets.
	if err == nil && len(before.Data) > 0 && b.data == "" {
		return failed("the backup in %s has the server's keys and tokens, and one without --data would take them away", b.dir).
			with("on the server's machine add --data DATA; else take it into another folder")
	}
	for _, step := range []func(context.Context) error{b.hold, b.takeStore, b.takeFiles, b.takeData} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return b.finish()
}

// hold has the server keep what the backup is about to name.
func (b *backupTaker) hold(ctx context.Context) error {
	b.held = time.Now()
	return b.send(ctx, http.MethodPost, "/backup", nil, nil, nil)
}

// takeStore comes before the files: what its records name is there, and is held.
func (b *backupTaker) takeStore(ctx context.Context) error {
	response, err := b.do(ctx, http.MethodGet, "/backup/store", nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	b.m.Store, err = backup.Keep(b.dir, "store-"+time.Now().UTC().Format("20060102T150405.000000000")+".gz", response.Body)
	if err != nil {
		return failed("backup of the store: %w", err)
	}
	return b.readBack()
}

// readBack holds that the snapshot is whole, and counts the jobs in it.
func (b *backupTaker) readBack() error {
	file, err := os.Open(filepath.Join(b.dir, b.m.Store.Name))
	if err != nil {
		return failed("backup: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	steps, err := backup.NewReader(file)
	jobs := map[string]bool{}
	for err == nil {
		op, failure := steps.Next()
		if key := string(op.Key); strings.HasPrefix(key, "live:job:") {
			jobs[key] = op.Kind == "put"
		}
		err = failure
	}
	if !errors.Is(err, io.EOF) {
		return failed("backup of the store: %w", err).with("try again")
	}
	for _, there := range jobs {
		if there {
			b.m.Jobs++
		}
	}
	b.m.End = steps.End
	return nil
}

// finish makes it a backup.
func (b *backupTaker) finish() error {
	if err := b.m.Write(b.dir); err != nil {
		return failed("backup: %w", err)
	}
	kept, err := backup.Open(b.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(kept.Prune(b.dir), kept.Close()); err != nil {
		return failed("the backup is whole, but what it replaces is not removed: %w", err)
	}
	fmt.Fprintf(b.io.out, "backup of %d jobs as of %s, %d files with %s (%d of them fetched now) in %s\n",
		b.m.Jobs, b.m.End.Taken.Local().Format(time.DateTime), b.m.Count, size(b.m.Bytes), b.fetched, b.dir)
	if len(b.m.Data) == 0 {
		fmt.Fprintln(b.io.out, "not in it: keys and tokens of the server's data folder; on its machine, --data DATA keeps them")
	}
	return nil
}
