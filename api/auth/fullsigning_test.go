package auth_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// full is a store without room: it takes what frees alone.
type full struct{ store.Store }

func (f full) Commit(ctx context.Context, c store.Commit) (store.Result, error) {
	if !c.Freeing {
		return store.Result{}, store.ErrFull
	}
	return f.Store.Commit(ctx, c)
}

// TestKeysOnAFullStore: a server whose key was changed starts on a full store too. Without
// one nobody could make room there.
func TestKeysOnAFullStore(t *testing.T) {
	st, old := memory(t), ringOf(1)
	tokens := auth.New(st, auth.Options{Ring: old})
	must(t, tokens.Bind(t.Context()))
	text, _, err := tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
	must(t, err)
	next := auth.New(full{st}, auth.Options{Ring: ringOf(2, old.First())})
	must(t, next.Bind(t.Context()))
	if n, left, err := next.SignAll(t.Context(), false); n != 2 || left != 0 || err != nil {
		t.Errorf("signed %d, left %d, %v", n, left, err)
	}
	alone := auth.New(full{st}, auth.Options{Ring: ringOf(2)})
	if who, err := alone.Check(t.Context(), text); err != nil || who.User != "ana" {
		t.Errorf("by the new key alone: %+v, %v", who, err)
	}
	lost := auth.New(full{st}, auth.Options{Ring: ringOf(3)}) // mlq signer new
	must(t, lost.Unbind(t.Context()))
	must(t, lost.Bind(t.Context()))
	if n, left, err := lost.SignAll(t.Context(), true); n != 2 || left != 0 || err != nil {
		t.Errorf("adopted %d, left %d, %v", n, left, err)
	}
}

// TestFirstTokenOnAFullStore: where all tokens are refused (mlq signer refuse), the new one
// of an admin is the only way to make room.
func TestFirstTokenOnAFullStore(t *testing.T) {
	st, data := memory(t), t.TempDir()
	_, _, err := auth.New(st, auth.Options{Ring: ringOf(1)}).Bootstrap(t.Context(), data)
	must(t, err)
	next := auth.New(full{st}, auth.Options{Ring: ringOf(2)})
	must(t, next.ForgetRefused(t.Context(), data))
	path, written, err := next.Bootstrap(t.Context(), data)
	if err != nil || !written {
		t.Fatalf("written: %v, %v", written, err)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if who, err := next.Check(t.Context(), strings.TrimSpace(string(text))); err != nil || who.Role != auth.RoleAdmin {
		t.Errorf("%+v, %v", who, err)
	}
}
