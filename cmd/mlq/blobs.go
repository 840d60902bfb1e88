package main

import (
	"context"
	"errors"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// openBlobs opens the folder of blobs and refuses one that is not the store's.
func openBlobs(ctx context.Context, st store.Store, path string) (*blob.Folder, error) {
	folder, err := blob.Open(path)
	if err != nil {
		return nil, failed("%w", err).with("name another folder with --blobs DIR")
	}
	if err := api.CheckBlobs(ctx, st, folder); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return folder, nil
}
