package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// page is how many items are read at once.
const page = 256

// List gives up to limit of the user's items by their keys, from the key after on.
func (s *Shelf) List(ctx context.Context, user, after string, limit int) ([]Item, error) {
	all := mine(user)
	from := all.From
	if after != "" {
		from = append([]byte(member(user, after)), 0)
	}
	list := []Item{}
	for len(list) < limit {
		members, items, now, err := s.page(ctx, store.Range{Index: index, From: from, To: all.To, Limit: page})
		if err != nil {
			return nil, err
		}
		for i := range items {
			if items[i] != nil && !items[i].over(now) && len(list) < limit {
				list = append(list, *items[i])
			}
		}
		if len(members) < page {
			return list, nil
		}
		from = append(slices.Clone(members[page-1]), 0)
	}
	return list, nil
}

// Every calls do with the user and each item that has not ended, of all users.
func (s *Shelf) Every(ctx context.Context, do func(user string, item Item) error) error {
	var from []byte
	for {
		members, items, now, err := s.page(ctx, store.Range{Index: index, From: from, Limit: page})
		if err != nil {
			return err
		}
		for i, item := range items {
			if item == nil || item.over(now) {
				continue
			}
			user, _, _ := strings.Cut(string(members[i]), "\x00")
			if err := do(user, *item); err != nil {
				return err
			}
		}
		if len(members) < page {
			return nil
		}
		from = append(slices.Clone(members[page-1]), 0)
	}
}

// page reads members of the index and their items, as far as they can be read; nil for one that was
// removed in between.
func (s *Shelf) page(ctx context.Context, r store.Range) (members [][]byte, items []*Item, now time.Time, err error) {
	a, err := s.store.Read(ctx, store.Query{Ranges: []store.Range{r}})
	if err != nil {
		return nil, nil, now, fmt.Errorf("list data: %w", err)
	}
	members = a.Ranges[0]
	keys := make([]string, len(members))
	for i, m := range members {
		keys[i] = record(string(m))
	}
	if a, err = s.store.Read(ctx, store.Query{Keys: keys}); err != nil {
		return nil, nil, now, fmt.Errorf("list data: %w", err)
	}
	items = make([]*Item, len(members))
	for i, r := range a.Records {
		item, err := decode(r)
		if item.Damaged {
			_, item.Key, _ = strings.Cut(string(members[i]), "\x00")
		}
		if !errors.Is(err, ErrNotFound) {
			items[i] = &item
		}
	}
	return members, items, a.Now, nil
}
