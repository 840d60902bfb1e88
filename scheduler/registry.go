package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// ReadFunctions reads a user's functions in their order. Errors: a DamagedError, those of the store.
func ReadFunctions(ctx context.Context, st store.Store, user string) ([]Function, error) {
	list, _, err := readFunctions(ctx, st, user)
	return list, err
}

func readFunctions(ctx context.Context, st store.Store, user string) ([]Function, uint64, error) {
	a, err := st.Read(ctx, store.Query{Keys: []string{keyFunctions(user)}})
	if err != nil {
		return nil, 0, fmt.Errorf("read the functions: %w", err)
	}
	list, err := decodeFunctions(user, a.Records[0])
	return list, a.Records[0].Version, err
}

func decodeFunctions(user string, r store.Record) ([]Function, error) {
	list := []Function{}
	if r.Version == 0 {
		return list, nil
	}
	if err := json.Unmarshal(r.Value, &list); err != nil {
		return nil, &DamagedError{What: "the list of the functions of " + user, Record: r.Value, Why: err}
	}
	return list, nil
}

// functions are those of a user as they were read.
func (f *facts) functions(user string) ([]Function, error) {
	return decodeFunctions(user, f.record(keyFunctions(user)))
}

// FunctionUsers lists users who ever registered functions, at most so many, from
// the name given.
func FunctionUsers(ctx context.Context, st store.Store, from []byte, limit int) ([][]byte, error) {
	a, err := st.Read(ctx, store.Query{Ranges: []store.Range{{Index: keyFunctionUsers, From: from, Limit: limit}}})
	if err != nil {
		return nil, fmt.Errorf("list who has functions: %w", err)
	}
	return a.Ranges[0], nil
}

// Functions reads a user's functions in their order.
func (s *Scheduler) Functions(ctx context.Context, user string) ([]Function, error) {
	return ReadFunctions(ctx, s.store, user)
}

// ChangeFunctions replaces a user's functions by what change makes of them (of none, where their list
// is damaged), and queues the messages that waited for one. change may be called more than once;
// unsure: the list may have been changed by it before. An error of its is given back.
func (s *Scheduler) ChangeFunctions(ctx context.Context, user string, change func(list []Function, now time.Time, unsure bool) ([]Function, error)) error {
	var unsure bool
	t := transition[[]Function]{name: "functions", query: store.Query{Keys: []string{keyFunctions(user)}}, unsure: &unsure}
	t.decide = func(f *facts) (p plan[[]Function], err error) {
		list, err := f.functions(user)
		if err != nil {
			list, f.damaged = []Function{}, append(f.damaged, keyFunctions(user))
		}
		before := slices.Clone(list)
		if p.value, err = change(list, f.Now, unsure); err != nil {
			return p, err
		}
		s.signNew(user, before, p.value)
		p.guard(store.At(keyFunctions(user), f.record(keyFunctions(user)).Version))
		p.effect(store.Put(keyFunctions(user), encode(p.value)),
			store.Index(keyFunctionUsers, []byte(user)), store.Index(keyRegistered, []byte(user)),
			store.Notify(topicConsumers, []byte(user)))
		return p, nil
	}
	list, err := run(ctx, s, t)
	if err != nil {
		return err
	}
	s.registry.learn(user, list)
	if err := s.admit(ctx, user); err != nil {
		s.opts.Log.Warn().Err(err).Str("user", user).Msg("messages that waited for a function are queued later")
	}
	return nil
}

// registry remembers functions, to foresee the class of a message. A submit that
// rests on an old memory is decided again.
type registry struct {
	mu    sync.Mutex
	users map[string][]Function
}

// maxRegistry is how many users are remembered.
const maxRegistry = 4096

func (r *registry) learn(user string, list []Function) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil || len(r.users) >= maxRegistry {
		r.users = make(map[string][]Function)
	}
	r.users[user] = list
}

func (r *registry) known(user string) ([]Function, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, ok := r.users[user]
	return list, ok
}

// otherFunctionsError: a user's functions are not those that a class was foreseen from.
type otherFunctionsError struct {
	user string
	list []Function
}

func (e *otherFunctionsError) Error() string { return "the functions of " + e.user + " have changed" }

// foresee gives the messages of the batches their classes. A refusal is only said
// of functions that were read just now.
func (s *Scheduler) foresee(ctx context.Context, batches []*batch) error {
	for _, b := range batches {
		if !b.messages() {
			continue
		}
		list, known := s.registry.known(b.who.User)
		if known && b.foresee(list) == nil {
			continue
		}
		list, err := ReadFunctions(ctx, s.store, b.who.User)
		if err != nil {
			return err
		}
		s.registry.learn(b.who.User, list)
		if err := b.foresee(list); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) messages() bool {
	for i := range b.items {
		if b.items[i].job.Message {
			return true
		}
	}
	return false
}

func (b *batch) foresee(list []Function) error {
	for i := range b.items {
		if err := b.items[i].foresee(list); err != nil {
			return inBatch(err, i, len(b.items))
		}
	}
	return nil
}

// foresee gives a message its class, and what it would wait for.
func (it *item) foresee(list []Function) error {
	if !it.job.Message {
		return nil
	}
	l, err := laneOf(it.job.User, it.asked, it.job.Functions, list)
	if err != nil {
		return err
	}
	it.need = l.need
	it.job.take(l, it.asked)
	return nil
}

// relearn corrects the classes of a chunk that was decided on other functions than
// were foreseen. What is refused now is refused when it is decided again.
func (s *Scheduler) relearn(c *chunk, other *otherFunctionsError) {
	s.registry.learn(other.user, other.list)
	for i := range c.parts {
		if p := &c.parts[i]; p.who.User == other.user {
			_ = p.foresee(other.list)
		}
	}
}

// seat makes sure of the functions that the classes of a part were foreseen from:
// the commit holds only while they are registered so.
func (p *part) seat(c *chunk, f *facts) error {
	if !p.messages() {
		return nil
	}
	list, err := f.functions(p.who.User)
	if err != nil {
		return err
	}
	for _, it := range c.items[p.from:p.to] {
		if !it.job.Message {
			continue
		}
		l, err := laneOf(it.job.User, it.asked, it.job.Functions, list)
		if err != nil {
			return err
		}
		if l.need.String() != it.job.Class {
			return &otherFunctionsError{p.who.User, list}
		}
		it.job.Awaits = l.awaits
	}
	return nil
}

// isOther reports the functions that a chunk should have been decided on.
func isOther(err error) (other *otherFunctionsError, is bool) {
	is = errors.As(err, &other)
	return other, is
}
