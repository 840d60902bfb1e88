package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Shelf keeps items. Safe for concurrent use.
type Shelf struct{ store store.Store }

// New returns the items of a store.
func New(st store.Store) *Shelf { return &Shelf{st} }

// Put keeps a blob under a key of the user's, in place of what is there, for the
// given time; 0: for ever. Who calls has written the blob before. Errors:
// ErrInvalid, ErrTooMany, those of the store.
func (s *Shelf) Put(ctx context.Context, user, key, sum string, size int64, during time.Duration) (Item, error) {
	if err := CheckKey(key); err != nil {
		return Item{}, err
	}
	if during < 0 || during > MaxTime {
		return Item{}, fmt.Errorf("%w: want an expiry of up to 10 years", ErrInvalid)
	}
	item := Item{Key: key, SHA256: sum, Size: size}
	err := s.change(ctx, member(user, key), func(old *Item, a *store.Answer) ([]store.Effect, error) {
		if old == nil && a.Counts[0] >= MaxItems {
			return nil, fmt.Errorf("%w: you keep %d items already; delete some, or keep them for a time only", ErrTooMany, MaxItems)
		}
		item.Kept, item.Expires = a.Now, time.Time{}
		if during > 0 {
			item.Expires = a.Now.Add(during)
		}
		return put(member(user, key), &item)
	})
	return item, err
}

func put(m string, item *Item) ([]store.Effect, error) {
	text, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("encode an item of data: %w", err)
	}
	effects := []store.Effect{store.Put(record(m), text), store.Index(index, []byte(m))}
	if !item.Expires.IsZero() {
		effects = append(effects, store.Index(expiry, ends(item.Expires, m)))
	}
	return effects, nil
}

// Delete removes what the user keeps under a key. Errors: ErrNotFound, ErrInvalid, those of the store.
func (s *Shelf) Delete(ctx context.Context, user, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return s.change(ctx, member(user, key), func(old *Item, a *store.Answer) ([]store.Effect, error) {
		if old == nil || old.over(a.Now) {
			return nil, ErrNotFound
		}
		return remove(member(user, key)), nil
	})
}

func remove(m string) []store.Effect {
	return []store.Effect{store.Delete(record(m)), store.Unindex(index, []byte(m))}
}

// change commits what becomes of an item (old, which may be damaged; nil: there is none), again
// while others change it too.
func (s *Shelf) change(ctx context.Context, m string, become func(old *Item, a *store.Answer) ([]store.Effect, error)) error {
	user, _, _ := strings.Cut(m, "\x00")
	q := store.Query{Keys: []string{record(m)}, Counts: []store.Count{mine(user)}}
	for {
		a, err := s.store.Read(ctx, q)
		if err != nil {
			return fmt.Errorf("read an item of data: %w", err)
		}
		var old *Item
		if item, err := decode(a.Records[0]); !errors.Is(err, ErrNotFound) {
			old = &item
		}
		effects, err := become(old, &a)
		if err != nil {
			return err
		}
		done, err := s.commit(ctx, &a, m, old, effects)
		if err != nil || done {
			return err
		}
	}
}

// commit takes the item off the index of those that end before it writes what becomes of it.
func (s *Shelf) commit(ctx context.Context, a *store.Answer, m string, old *Item, effects []store.Effect) (bool, error) {
	if old != nil && !old.Expires.IsZero() {
		effects = slices.Insert(effects, 0, store.Unindex(expiry, ends(old.Expires, m)))
	}
	result, err := s.store.Commit(ctx, store.Commit{
		Identity: a.Identity, Guards: []store.Guard{store.At(record(m), a.Records[0].Version)}, Effects: effects,
	})
	if err != nil {
		return false, fmt.Errorf("keep an item of data: %w", err)
	}
	return result.OK(), nil
}

// Get tells what the user keeps under a key. Errors: ErrNotFound, ErrInvalid, those of the store.
func (s *Shelf) Get(ctx context.Context, user, key string) (Item, error) {
	if err := CheckKey(key); err != nil {
		return Item{}, err
	}
	a, err := s.store.Read(ctx, store.Query{Keys: []string{record(member(user, key))}})
	if err != nil {
		return Item{}, fmt.Errorf("read an item of data: %w", err)
	}
	item, err := decode(a.Records[0])
	if err == nil && item.over(a.Now) {
		err = ErrNotFound
	}
	return item, err
}

func mine(user string) store.Count {
	return store.Count{Index: index, From: []byte(member(user, "")), To: []byte(user + "\x01"), Cap: MaxItems}
}
