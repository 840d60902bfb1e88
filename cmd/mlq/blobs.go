package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
)

// openBlobs opens the folder of blobs and refuses one that is not the store's,
// or finds the server that has it.
func (s *server) openBlobs(ctx context.Context, c serverConfig) (err error) {
	if c.blobs == "" {
		s.blobs, err = c.blobsFrom.open(ctx, s, c)
		return err
	}
	if s.folder, err = blob.Open(c.blobs); err != nil {
		return failed("%w", err).with("name another folder with --blobs DIR")
	}
	s.blobs = s.folder
	return api.CheckBlobs(ctx, s.store, s.folder)
}

// leastOrphans is longer than anybody takes from an upload to the submit that names it.
const leastOrphans = time.Hour

// collect makes the loop that removes what no job names any more.
func (s *server) collect(c serverConfig) error {
	if s.folder == nil || c.keepOrphans == 0 {
		return nil
	}
	if c.keepOrphans < leastOrphans {
		return misconfigured("--keep-orphans %s: want 0, for ever, or at least an hour", c.keepOrphans)
	}
	s.collector = api.NewCollector(api.CollectorOptions{
		Scheduler: s.scheduler, Store: s.store, Tokens: s.tokens, Folder: s.folder, Log: c.log, Metrics: s.metrics, After: c.keepOrphans,
	})
	return nil
}

func keepOrphansFlag(cmd *cobra.Command) *time.Duration {
	d := durationFlag(cmd.Flags(), "keep-orphans", 24*time.Hour, "how long blobs and logs that no job names stay; 0: for ever")
	variable(cmd.Flags(), "keep-orphans", "MLQ_KEEP_ORPHANS")
	return d
}
