package auth

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// List returns all tokens, in the order of their ids, without their secrets.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	return list[Token](ctx, t, tokensIndex, tokenKey)
}

// Users returns all users, by name.
func (t *Tokens) Users(ctx context.Context) ([]User, error) {
	return list[User](ctx, t, usersIndex, userKey)
}

// pageSize is how many records are read at once.
const pageSize = 1000

// list reads the records that an index names. One that was deleted between
// the two reads is left out, as one that no server has written.
func list[T any](ctx context.Context, t *Tokens, index string, key func(string) string) ([]T, error) {
	all := []T{}
	err := t.pages(ctx, index, key, func(keys []string) error {
		answer, err := t.store.Read(ctx, store.Query{Keys: keys})
		if err != nil {
			return fmt.Errorf("list %s: %w", index, err)
		}
		for i, r := range answer.Records {
			var one T
			switch err := t.unseal(keys[i], r, &one); {
			case absent(err):
			case err != nil:
				return fmt.Errorf("list %s: %w", index, err)
			default:
				all = append(all, one)
			}
		}
		return nil
	})
	return all, err
}

// pages calls do with the keys of the records that an index names, a page at a time.
func (t *Tokens) pages(ctx context.Context, index string, key func(string) string, do func(keys []string) error) error {
	var from []byte
	for {
		answer, err := t.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, From: from, Limit: pageSize}}})
		if err != nil {
			return fmt.Errorf("list %s: %w", index, err)
		}
		members := answer.Ranges[0]
		keys := make([]string, len(members))
		for i, member := range members {
			keys[i] = key(string(member))
		}
		if err := do(keys); err != nil || len(members) < pageSize {
			return err
		}
		from = append(members[len(members)-1], 0) //nolint:gocritic // the next possible member
	}
}
