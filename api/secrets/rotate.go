package secrets

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
)

const page = 500 // secrets that are looked at in one read

// Ready reads the keys. ErrKey: the file cannot be used, or the store's secrets are
// sealed with a key that is not in it.
func (v *Vault) Ready(ctx context.Context) error {
	answer, err := v.store.Read(ctx, store.Query{Keys: []string{keyRecord}})
	if err != nil {
		return fmt.Errorf("read the secrets' key: %w", err)
	}
	keys, err := v.keys.all()
	named := namedBy(answer.Records[0])
	if err != nil || named == "" {
		return err
	}
	_, err = v.keys.find(keys, named)
	return err
}

// namedBy is the key that the store names: "" where it names none, or that is damaged.
func namedBy(r store.Record) string {
	if id, err := hex.DecodeString(string(r.Value)); err != nil || len(id) != idBytes {
		return ""
	}
	return string(r.Value)
}

// Rotate seals with the file's first key what an older one of the file sealed, and
// says how many secrets that were, and whose it left as they are because they are
// damaged, or sealed with a key that is not in the file. It does nothing where the file
// has one key only, and is harmless in several servers at once.
func (v *Vault) Rotate(ctx context.Context) (sealed int, left []string, err error) {
	keys, err := v.keys.all()
	if err != nil || len(keys) < 2 {
		return 0, nil, err
	}
	// First what is set from now on: nothing is sealed with the old key behind our back.
	if err := v.name(ctx, keys); err != nil {
		return 0, nil, err
	}
	var from []byte
	for {
		answer, err := v.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, From: from, Limit: page}}})
		if err != nil {
			return sealed, left, fmt.Errorf("rotate the secrets' key: %w", err)
		}
		for _, m := range answer.Ranges[0] {
			user, name, _ := strings.Cut(string(m), "\x00")
			done, err := v.reseal(ctx, keys[0], user, name)
			switch {
			case errors.Is(err, ErrDamaged), errors.Is(err, ErrKey):
				left = append(left, name+" of "+user)
			case err != nil:
				return sealed, left, err
			}
			sealed += done
			from = append(m, 0) //nolint:gocritic // the next possible member
		}
		if len(answer.Ranges[0]) < page {
			return sealed, left, nil
		}
	}
}

// name has the store name the first key, where it names another one of the file.
func (v *Vault) name(ctx context.Context, keys []*key) error {
	for {
		answer, err := v.store.Read(ctx, store.Query{Keys: []string{keyRecord}})
		if err != nil {
			return fmt.Errorf("rotate the secrets' key: %w", err)
		}
		now := answer.Records[0]
		named := namedBy(now)
		if now.Version == 0 || named == keys[0].id {
			return nil
		}
		if _, err := v.keys.find(keys, named); err != nil && named != "" {
			return err
		}
		result, err := v.store.Commit(ctx, store.Commit{
			Identity: answer.Identity, Guards: []store.Guard{store.At(keyRecord, now.Version)},
			Effects: []store.Effect{store.Put(keyRecord, []byte(keys[0].id))},
		})
		if err != nil {
			return fmt.Errorf("rotate the secrets' key: %w", err)
		}
		if result.OK() {
			return nil
		}
	}
}

// reseal seals one secret anew and counts it, unless it is or was just set with this key.
func (v *Vault) reseal(ctx context.Context, to *key, user, name string) (int, error) {
	for {
		at := recordKey(user, name)
		answer, err := v.store.Read(ctx, store.Query{Keys: []string{at}})
		if err != nil {
			return 0, fmt.Errorf("rotate the secrets' key: %w", err)
		}
		if answer.Records[0].Version == 0 {
			return 0, nil
		}
		r := decode(answer.Records[0].Value)
		if r.Key == to.id {
			return 0, nil
		}
		value, err := v.keys.open(user, name, r)
		if err != nil {
			return 0, err
		}
		r.Key, r.Box = to.id, to.seal(user, name, value)
		text, err := json.Marshal(r)
		if err != nil {
			return 0, fmt.Errorf("encode a secret: %w", err)
		}
		result, err := v.store.Commit(ctx, store.Commit{
			Identity: answer.Identity, Guards: []store.Guard{store.At(at, answer.Records[0].Version)},
			Effects: []store.Effect{store.Put(at, text)},
		})
		if err != nil {
			return 0, errors.Join(errors.New("rotate the secrets' key"), err)
		}
		if result.OK() {
			return 1, nil
		}
	}
}
