package data

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Expire removes the records of items that have ended, and returns how many. Their
// blobs are collected like any that nothing names.
func (s *Shelf) Expire(ctx context.Context) (n int, err error) {
	for {
		over, err := s.over(ctx)
		if err != nil {
			return n, err
		}
		for _, entry := range over {
			if err := s.expire(ctx, entry); err != nil {
				return n, err
			}
			n++
		}
		if len(over) < page {
			return n, nil
		}
	}
}

// over lists members of the index of those that end whose time has passed.
func (s *Shelf) over(ctx context.Context) ([][]byte, error) {
	a, err := s.store.Read(ctx, store.Query{}) // for its clock
	if err == nil {
		a, err = s.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: expiry, To: ends(a.Now, "\xff"), Limit: page}}})
	}
	if err != nil {
		return nil, fmt.Errorf("list data that has ended: %w", err)
	}
	return a.Ranges[0], nil
}

// expire removes an item, unless it was kept anew in between: then it ends at another time. Of one
// that is damaged only its entry says when. An entry that is damaged itself is of no item.
func (s *Shelf) expire(ctx context.Context, entry []byte) error {
	m := string(entry[min(endsLength, len(entry)):])
	return s.change(ctx, m, func(old *Item, a *store.Answer) ([]store.Effect, error) {
		effects := []store.Effect{store.Unindex(expiry, entry)}
		if old != nil && (old.over(a.Now) || old.Damaged) {
			effects = append(effects, remove(m)...)
		}
		return effects, nil
	})
}
