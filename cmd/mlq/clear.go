package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

const clearLong = `Forget everything of a namespace, for good: jobs with their results, functions and
data, users, tokens and secrets, hosts, and the blobs and logs in --blobs if they are
this namespace's. Nothing else in the same Redis is touched.

It works on the store itself, as mlq restore does, and refuses while a server or an
agent lives there: stop them first. It asks; without a terminal it wants --yes.
To forget only jobs, and only old ones, there is mlq purge.`

// clearFlags are the settings of mlq clear.
type clearFlags struct {
	store, namespace, blobs string
	data                    *string
	bulk                    bulkFlags
}

func newClear(io streams) *cobra.Command {
	var c clearFlags
	cmd := &cobra.Command{
		Use:   "clear --namespace NAME",
		Short: "Forget everything of a namespace, while no server runs",
		Long:  clearLong,
		Example: `  mlq clear --store redis://redis.lab:6379/0 --namespace old --dry-run
  mlq clear --data /srv/mlq --yes             # the embedded store of a data folder`,
		Args: none(),
	}
	bindStore(cmd, &c.store, &c.namespace, "default: local:DATA/store")
	cmd.Flags().StringVar(&c.blobs, "blobs", "", "folder of payloads and results (default DATA/blobs)")
	variable(cmd.Flags(), "blobs", "MLQ_BLOBS")
	cmd.Flags().BoolVarP(&c.bulk.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&c.bulk.dryRun, "dry-run", false, "say what it would be, and remove nothing")
	c.data = dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), io) }
	return cmd
}

func (c *clearFlags) run(ctx context.Context, io streams) (err error) {
	place, err := c.place()
	if err != nil {
		return err
	}
	if place.kind == inFolder { // looked at before it is opened, which would make it
		if _, err := os.Stat(filepath.Join(place.at, "store.db")); errors.Is(err, os.ErrNotExist) {
			return failed("there is no store in %s; nothing was removed", place.at).with("see --data, --store and --namespace")
		}
	}
	st, err := place.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	sched, err := scheduler.New(st, scheduler.Options{Log: zerolog.Nop(), Version: version})
	if err != nil {
		return err
	}
	found, err := lookInto(ctx, st, sched)
	if err != nil {
		return err
	}
	folder, err := c.folder(ctx, st)
	if err != nil {
		return err
	}
	if folder != nil {
		defer func() { err = errors.Join(err, folder.Close()) }()
		found += ", with the blobs and logs in " + folder.Path()
	}
	return c.clear(ctx, io, clearing{st, folder, c.adminToken(ctx, st)}, found)
}

// clearing is what goes.
type clearing struct {
	store  store.Store
	folder *blob.Folder // nil: none here
	token  string       // file of the admin's token, "" if none here is good there
}

// adminToken is the file that a server has written its first token to: were it
// left, the next one would write none, and nobody could come in.
func (c *clearFlags) adminToken(ctx context.Context, st store.Store) string {
	path := filepath.Join(*c.data, "admin.token")
	text, err := readTokenFile(path)
	if err != nil {
		return ""
	}
	if _, err := auth.New(st, auth.Options{}).Check(ctx, text); err != nil {
		return ""
	}
	return path
}

// remove clears the store first: what is left without it names nothing.
func (g clearing) remove(ctx context.Context) error {
	all, ok := g.store.(store.Snapshots)
	if !ok {
		return errors.New("this store cannot be cleared")
	}
	if err := all.Clear(ctx); err != nil {
		return failed("%w", err).with("a part may be gone; the same command goes on")
	}
	if g.folder != nil {
		if err := g.folder.Clear(); err != nil {
			return failed("%w", err).with("the store is cleared: remove what is in %s by hand", g.folder.Path())
		}
	}
	if g.token == "" {
		return nil
	}
	return os.Remove(g.token)
}

// place wants a namespace of a Redis to be named: the default one is easily
// somebody's whole queue.
func (c *clearFlags) place() (storePlace, error) {
	if c.store == "" {
		return readStoreURL("local:"+filepath.Join(*c.data, "store"), c.namespace)
	}
	place, err := readStoreURL(c.store, c.namespace)
	switch {
	case err != nil:
		return place, err
	case place.kind == inMemory:
		return place, misconfigured("--store memory: nothing of it is left").with("name local:DIR or a Redis")
	case place.kind == onRedis && c.namespace == "" && !strings.Contains(c.store, "namespace="):
		return place, usage("which namespace of that Redis is to be forgotten?").with("say --namespace NAME; mlq serve without one has the namespace mlq")
	}
	return place, nil
}

// lookInto refuses a namespace that is not there, or in use, and says what is in it.
func lookInto(ctx context.Context, st store.Store, sched *scheduler.Scheduler) (string, error) {
	where, err := st.Describe(ctx)
	if err != nil {
		return "", err
	}
	where, _, _ = strings.Cut(where, ": ")
	where, _, _ = strings.Cut(where, " (version")
	if all, ok := st.(store.Snapshots); ok {
		if empty, err := all.Empty(ctx); err != nil || empty {
			return "", errors.Join(err, failed("there is nothing in the %s; nothing was removed", where).with("see --store and --namespace"))
		}
	}
	if who, err := sched.Inhabitants(ctx); err != nil || len(who) > 0 {
		return "", errors.Join(err, failed("refusing to clear the %s: in it live %s", where, strings.Join(who, ", ")).with("stop them first"))
	}
	counts, err := sched.JobCount(ctx)
	if err != nil {
		return "", err
	}
	jobs := int64(0)
	for _, n := range counts {
		jobs += n
	}
	users, err := auth.New(st, auth.Options{}).Users(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the %s: %s, %s with their tokens and secrets, all functions and data", where, count(int(jobs), "job"), count(len(users), "user")), nil
}

// folder opens the blobs if they are there, and this store's.
func (c *clearFlags) folder(ctx context.Context, st store.Store) (*blob.Folder, error) {
	path := c.blobs
	if path == "" {
		path = filepath.Join(*c.data, "blobs")
	}
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) && c.blobs == "" {
			return nil, nil
		}
		return nil, failed("--blobs: %w", err)
	}
	want, err := api.BlobsIdentity(ctx, st)
	if err != nil {
		return nil, err
	}
	folder, err := blob.Open(path)
	if err != nil || folder.Identity() == want {
		return folder, err
	}
	if err := folder.Close(); err != nil || c.blobs == "" {
		return nil, err
	}
	return nil, failed("the blobs in %s are those of another store", path).with("leave --blobs out, or name the folder of this one")
}

func (c *clearFlags) clear(ctx context.Context, io streams, what clearing, found string) error {
	if c.bulk.dryRun {
		_, err := fmt.Fprintln(io.out, "would remove "+found)
		return err
	}
	if !c.bulk.yes {
		if err := confirm(ctx, io, "remove for good "+found+"?"); err != nil {
			return err
		}
	}
	if err := what.remove(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "removed "+found)
	return err
}
