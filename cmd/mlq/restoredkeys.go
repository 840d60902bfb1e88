package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// bindKeys sees to it that a server can start on what was restored. What another key
// has signed, or the same one for another namespace, is signed anew by the next start: whoever
// restores a backup takes it for genuine.
func (r *restorer) bindKeys(ctx context.Context, st store.Store) error {
	file := signing.File{Path: r.data.join("signing.key")}
	first, others, err := file.Read()
	none := errors.Is(err, signing.ErrNoFile)
	if err != nil && !none {
		return err
	}
	var o auth.Options
	if !none {
		o.Ring = signing.NewRing(r.place.scope, first, others...)
		bound, err := auth.New(st, o).Bound(ctx)
		if err != nil || bound {
			return err
		}
	}
	if err := orderAdoption(file); err != nil { // also before there is a key
		return err
	}
	if err := auth.New(st, o).Unbind(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.io.err, "mlq: the next start of mlq serve signs all that was restored, and takes it for genuine: the backup is of another namespace, or has not the signing key of this folder")
	if err == nil { // it looks at its own file alone
		_, err = fmt.Fprintln(r.io.err, "mlq: a server with --signing-key-file FILE does not, and needs it unless FILE has the backup's key and it is the same namespace: mlq signer adopt --signing-key-file FILE before its start")
	}
	return err
}
