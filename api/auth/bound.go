package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// signingKey is the record of the key that the servers of this store sign with: so
// that one which lacks it does not start, where all that it signed were refused. It proves
// nothing: who changes it can keep servers from starting, and who takes it away is found out
// by what else is signed (Fits).
const signingKey = "auth:signing"

type bound struct {
	Key string `json:"key"` // its id
}

// ErrOtherKey: the store's servers sign with a key that this one does not have.
var ErrOtherKey = errors.New("the servers of this store sign with another key")

// SignedBy names the key that the store says its servers sign with, "" if it says none.
func SignedBy(ctx context.Context, st store.Store) (string, error) {
	var b bound
	_, err := New(st, Options{}).get(ctx, signingKey, &b)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return b.Key, err
}

// Fits refuses a store whose servers sign with a key that the ring does not have
// (ErrOtherKey): it says so itself, or says nothing and has users or tokens that such a key
// has signed, so that somebody took the record away.
func (t *Tokens) Fits(ctx context.Context) error {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{signingKey}})
	if err != nil {
		return fmt.Errorf("read %s: %w", signingKey, err)
	}
	r := answer.Records[0]
	if r.Version == 0 {
		return t.eachRecord(ctx, t.noneOfOthers)
	}
	if t.genuine(signingKey, r.Value) != nil {
		return t.other(ctx)
	}
	return nil
}

func (t *Tokens) noneOfOthers(ctx context.Context, keys []string) error {
	answer, err := t.store.Read(ctx, store.Query{Keys: keys})
	if err != nil {
		return fmt.Errorf("read who signed the users and tokens: %w", err)
	}
	for i, r := range answer.Records {
		if _, sig := cutSeal(r.Value); sig != nil && errors.Is(t.genuine(keys[i], r.Value), signing.ErrUnknownKey) {
			return fmt.Errorf("%w: that of %s", ErrOtherKey, keys[i])
		}
	}
	return nil
}

func (t *Tokens) eachRecord(ctx context.Context, do func(ctx context.Context, keys []string) error) error {
	for index, key := range map[string]func(string) string{tokensIndex: tokenKey, usersIndex: userKey} {
		if err := t.pages(ctx, index, key, func(keys []string) error { return do(ctx, keys) }); err != nil {
			return err
		}
	}
	return nil
}

// Bind notes with which key this store is signed, and refuses where that is one which
// the ring does not have (ErrOtherKey).
func (t *Tokens) Bind(ctx context.Context) error {
	own := bound{Key: t.opts.Ring.First().ID()}
	for {
		answer, err := t.store.Read(ctx, store.Query{Keys: []string{signingKey}})
		if err != nil {
			return fmt.Errorf("read %s: %w", signingKey, err)
		}
		r := answer.Records[0]
		_, sig := cutSeal(r.Value)
		valid := t.genuine(signingKey, r.Value) == nil
		switch {
		case r.Version != 0 && !valid:
			return t.other(ctx)
		case valid && t.opts.Ring.IsFirst(sig):
			return nil
		}
		if err := t.replace(ctx, signingKey, own, r.Version, answer.Identity); err != nil {
			return err
		}
	}
}

// Bound reports whether the store says that one of the ring's keys signed it, for this
// namespace.
func (t *Tokens) Bound(ctx context.Context) (bool, error) {
	var b bound
	_, err := t.get(ctx, signingKey, &b)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

// Unbind takes away what the store says of its key: offline work.
func (t *Tokens) Unbind(ctx context.Context) error {
	answer, err := t.store.Read(ctx, store.Query{})
	if err != nil {
		return fmt.Errorf("read the store's identity: %w", err)
	}
	result, err := t.store.Commit(ctx, store.Commit{Identity: answer.Identity, Effects: []store.Effect{store.Delete(signingKey)}, Freeing: true})
	if err == nil && !result.OK() {
		err = store.ErrUnavailable // the store was replaced meanwhile
	}
	if err != nil {
		return fmt.Errorf("forget %s: %w", signingKey, err)
	}
	return nil
}

func (t *Tokens) other(ctx context.Context) error {
	id, err := SignedBy(ctx, t.store)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOtherKey, err)
	}
	return fmt.Errorf("%w: %s", ErrOtherKey, id)
}
