package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// ErrNoUser: no such user.
var ErrNoUser = errors.New("no such user")

// Limits of limits: what is above them is a slip of the hand.
const (
	maxDevices = 100_000
	maxQueued  = 10_000_000
	maxTimeout = 10 * 365 * 24 * time.Hour
)

// Change is what an admin sets of a user. A nil field stays as it is; 0 and ""
// take the limit or the account away.
type Change struct {
	MaxDevices *int
	MaxQueued  *int
	MaxTimeout *time.Duration // whole seconds
	Unix       *string
}

// All is the change that sets everything, so that what is not in c goes.
func (c Change) All() Change {
	fill(&c.MaxDevices)
	fill(&c.MaxQueued)
	fill(&c.MaxTimeout)
	fill(&c.Unix)
	return c
}

func fill[T any](field **T) {
	if *field == nil {
		*field = new(T)
	}
}

func (c Change) check() error {
	switch {
	case c.MaxDevices != nil && (*c.MaxDevices < 0 || *c.MaxDevices > maxDevices):
		return fmt.Errorf("%w limit: max_devices %d is not between 1 and %d", ErrInvalid, *c.MaxDevices, maxDevices)
	case c.MaxQueued != nil && (*c.MaxQueued < 0 || *c.MaxQueued > maxQueued):
		return fmt.Errorf("%w limit: max_queued %d is not between 1 and %d", ErrInvalid, *c.MaxQueued, maxQueued)
	case c.MaxTimeout != nil && (*c.MaxTimeout < 0 || *c.MaxTimeout > maxTimeout || *c.MaxTimeout%time.Second != 0):
		return fmt.Errorf("%w limit: max_timeout %s is not between 1s and ten years in whole seconds", ErrInvalid, *c.MaxTimeout)
	case c.Unix != nil && *c.Unix != "":
		return checkAccount(*c.Unix)
	}
	return nil
}

func (c Change) apply(u *User) {
	set(&u.MaxDevices, c.MaxDevices)
	set(&u.MaxQueued, c.MaxQueued)
	set(&u.MaxTimeout, c.MaxTimeout)
	set(&u.Unix, c.Unix)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// SetUser changes a user's limits and account; make also makes a user that there
// is not. Jobs that wait already are bound by the new limit of devices as soon as
// an agent looks; what runs goes on. Errors: ErrInvalid, ErrNoUser, those of the store.
func (t *Tokens) SetUser(ctx context.Context, name string, c Change, create bool) (User, error) {
	if !validName(name) {
		return User{}, errUserName
	}
	if err := c.check(); err != nil {
		return User{}, err
	}
	for {
		u, done, err := t.setUser(ctx, name, c, create)
		if err != nil || done {
			return u, err
		}
	}
}

// setUser commits once; done is false where somebody else was faster.
func (t *Tokens) setUser(ctx context.Context, name string, c Change, create bool) (User, bool, error) {
	user := User{Name: name}
	answer, err := t.get(ctx, userKey(name), &user)
	switch {
	case absent(err) && create:
		user = User{Name: name, Created: answer.Now}
	case absent(err):
		return User{}, false, ErrNoUser
	case err != nil:
		return user, false, err
	}
	c.apply(&user)
	text, err := t.seal(userKey(name), user)
	if err != nil {
		return user, false, err
	}
	result, err := t.store.Commit(ctx, store.Commit{
		Identity: answer.Identity,
		Guards:   []store.Guard{store.At(userKey(name), answer.Records[0].Version)},
		Effects: []store.Effect{
			store.Put(userKey(name), text), store.Index(usersIndex, []byte(name)),
			scheduler.KeepLimits(name, scheduler.Limits{MaxDevices: user.MaxDevices}),
		},
	})
	if err != nil {
		return user, false, fmt.Errorf("keep a user: %w", err)
	}
	t.cache.forget(func(who Identity) bool { return who.User == name })
	return user, result.OK(), nil
}

// User reads one user. Errors: ErrNoUser, those of the store.
func (t *Tokens) User(ctx context.Context, name string) (User, error) {
	var user User
	_, err := t.get(ctx, userKey(name), &user)
	if absent(err) {
		err = ErrNoUser
	}
	return user, err
}

// RemoveUser forgets a user and revokes all their tokens; it returns how many.
// Other servers may believe one of these for CacheFor yet. Errors: ErrNoUser,
// those of the store.
func (t *Tokens) RemoveUser(ctx context.Context, name string) (int, error) {
	for {
		revoked, done, err := t.removeUser(ctx, name)
		if err != nil || done {
			return revoked, err
		}
	}
}

// removeUser commits once; done is false where the user changed meanwhile: a
// token that is made writes its user too.
func (t *Tokens) removeUser(ctx context.Context, name string) (revoked int, done bool, err error) {
	var user User
	answer, err := t.get(ctx, userKey(name), &user)
	if errors.Is(err, ErrNotFound) {
		return 0, false, ErrNoUser
	}
	if err != nil && !errors.Is(err, errForged) { // which goes like any other
		return 0, false, err
	}
	tokens, err := t.List(ctx)
	if err != nil {
		return 0, false, err
	}
	commit := store.Commit{
		Identity: answer.Identity,
		Guards:   []store.Guard{store.At(userKey(name), answer.Records[0].Version)},
		Effects: []store.Effect{
			store.Delete(userKey(name)), store.Unindex(usersIndex, []byte(name)),
			scheduler.KeepLimits(name, scheduler.Limits{}),
		},
	}
	for _, k := range tokens {
		if k.User == name && k.Role != RoleAgent { // an agent's belongs to a host of that name
			commit.Effects = append(commit.Effects, store.Delete(tokenKey(k.ID)), store.Unindex(tokensIndex, []byte(k.ID)))
			revoked++
		}
	}
	result, err := t.store.Commit(ctx, commit)
	if err != nil {
		return 0, false, fmt.Errorf("remove a user: %w", err)
	}
	t.cache.forget(func(who Identity) bool { return who.User == name })
	return revoked, result.OK(), nil
}

// Complete adds a user's limits to an identity that no token of theirs stands
// for: that of a running job, or of the owner of a dev server. It is believed for
// CacheFor, as a token is.
func (t *Tokens) Complete(ctx context.Context, who Identity) (Identity, error) {
	key := sha256.Sum256([]byte("user " + who.User))
	kept, ok := t.cache.get(key)
	if !ok {
		var err error
		before := t.cache.before()
		if kept, _, err = t.complete(ctx, Identity{User: who.User}, 0); err != nil {
			return who, err
		}
		t.cache.put(before, key, kept, CacheFor)
	}
	who.MaxQueued, who.MaxDevices, who.MaxTimeout = kept.MaxQueued, kept.MaxDevices, kept.MaxTimeout
	return who, nil
}
