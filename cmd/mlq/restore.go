package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/scheduler"
)

const restoreLong = `Fill an empty place with a backup, while no server runs there. The place is named
as for mlq serve; it need not be the kind of store that the backup was taken of.

All of the backup is read and compared with its sums before anything is written.
Jobs that were running then are queued again, as lost; ids go on one to two million
above the highest that the backup knows. Start the servers, then the agents.`

// restoreFlags are the settings of mlq restore.
type restoreFlags struct {
	store, namespace, blobs string
	data                    *string
}

func newRestore(io streams) *cobra.Command {
	var r restoreFlags
	cmd := &cobra.Command{
		Use:     "restore DIR",
		Short:   "Fill an empty place with a backup, while no server runs",
		Long:    restoreLong,
		Example: "  mlq restore /mnt/backup/mlq --data /var/lib/mlq",
		Args:    exactly(1, "one folder"),
	}
	bindStore(cmd, &r.store, &r.namespace, "default: local:DATA/store")
	cmd.Flags().StringVar(&r.blobs, "blobs", "", "folder of payloads and results (default DATA/blobs)")
	variable(cmd.Flags(), "blobs", "MLQ_BLOBS")
	r.data = dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), io, args[0]) }
	return cmd
}

func (r *restoreFlags) run(ctx context.Context, io streams, dir string) (err error) {
	from, err := openBackup(ctx, io, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	data, err := takeData(*r.data, "serve")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	to := restorer{Backup: from, io: io, data: data, blobs: data.join("blobs")}
	if r.blobs != "" { // whole, for the mark: the next run may begin in another folder
		if to.blobs, err = filepath.Abs(r.blobs); err != nil {
			return failed("--blobs: %w", err)
		}
	}
	if err := to.checkFolders(); err != nil {
		return err
	}
	if to.place, err = r.place(data); err != nil {
		return err
	}
	return to.restore(ctx)
}

func (r *restoreFlags) place(data *dataFolder) (storePlace, error) {
	if r.store == "" {
		return readStoreURL("local:"+data.join("store"), r.namespace)
	}
	place, err := readStoreURL(r.store, r.namespace)
	if err == nil && place.kind == inMemory {
		err = misconfigured("--store memory: is gone when mlq restore ends").with("name local:DIR or a Redis")
	}
	return place, err
}

// openBackup reads all of a backup before anything is done with it.
func openBackup(ctx context.Context, io streams, dir string) (*backup.Backup, error) {
	from, err := backup.Open(dir)
	if errors.Is(err, backup.ErrNone) {
		return nil, failed("%w", err).with("a backup that was cut off is none: take it again, or name the folder of another one")
	}
	if err != nil {
		return nil, failed("%s: %w", dir, err).with("nothing was written; restore another backup")
	}
	if schema := from.End.Schema; schema > scheduler.SchemaNumber() {
		return nil, errors.Join(misconfigured("the backup has schema %d, made by mlq %s, and this is mlq %s, which knows schemas up to %d",
			schema, from.End.Version, version, scheduler.SchemaNumber()).with("restore it with that version or a newer one"), from.Close())
	}
	told := int64(0)
	err = from.Check(ctx, func(done int64) {
		if done-told > 1<<30 {
			told = done
			fmt.Fprintf(io.err, "%s of %s read\n", size(done), size(from.Bytes))
		}
	})
	if err != nil {
		return nil, errors.Join(failed("%s: %w", dir, err).with("nothing was written; restore another backup"), from.Close())
	}
	return from, nil
}
