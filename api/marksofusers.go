package api

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// functions marks the functions of the users that an index lists, and of those
// who have tokens: there was no such index at first.
func (m *marker) functions(st store.Store, tokens *auth.Tokens) error {
	users, err := tokens.Users(m.ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := m.functionsOf(st, u.Name); err != nil {
			return err
		}
	}
	var from []byte
	for {
		page, err := scheduler.FunctionUsers(m.ctx, st, from, usersAtOnce)
		if err != nil {
			return err
		}
		for _, user := range page {
			if err := m.functionsOf(st, string(user)); err != nil {
				return err
			}
			from = append(slices.Clone(user), 0)
		}
		if len(page) < usersAtOnce {
			return nil
		}
	}
}

const usersAtOnce = 256

func (m *marker) functionsOf(st store.Store, user string) error {
	list, err := scheduler.ReadFunctions(m.ctx, st, user)
	if e, is := errors.AsType[*scheduler.DamagedError](err); is {
		return m.record(e)
	}
	if err != nil {
		return err
	}
	for _, f := range list {
		if err := m.one(f.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// data marks what jobs keep for each other.
func (m *marker) data(st store.Store) error {
	return data.New(st).Every(m.ctx, func(user string, item data.Item) error {
		if item.Damaged {
			m.damaged(fmt.Errorf("%s, %s: %w", user, item.Key, data.ErrDamaged))
		}
		return m.all(item.Blobs())
	})
}
