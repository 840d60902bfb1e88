package main

import (
	"context"

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
