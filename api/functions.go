package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Function is a registered listener function: a cloudpickle kept as a blob,
// which this server never reads.
type Function struct {
	Name       string    `json:"name"`
	SHA256     string    `json:"sha256"`           // of the pickle, a blob
	Size       int64     `json:"size"`             // bytes
	Python     string    `json:"python,omitempty"` // "3.11": the minor that pickled it; "" unknown
	Registered time.Time `json:"registered"`
	Form       string    `json:"form,omitempty"` // "local": none; "": a pickle
}

// functions keeps the listener functions: one record spec:functions:<user>
// per user, in the order of arrival. A user's messages run that user's
// functions only; anything else would let one run code as another.
type functions struct {
	store   store.Store
	refresh time.Duration
	mu      sync.Mutex
	users   map[string]knownFunctions
}

type knownFunctions struct {
	list  []Function
	until time.Time
}

// maxFunctions of one user.
const maxFunctions = 1000

func newFunctions(o Options) functions {
	return functions{store: o.Store, refresh: o.FunctionsRefresh, users: make(map[string]knownFunctions)}
}

// functionsIndex lists the users who ever registered functions (member: name).
const functionsIndex = "spec:functions"

func functionsKey(user string) string { return "spec:functions:" + user }

// read reads a user's functions with the version of their record.
func (f *functions) read(ctx context.Context, user string) ([]Function, store.Answer, error) {
	return readFunctions(ctx, f.store, user)
}

func readFunctions(ctx context.Context, st store.Store, user string) ([]Function, store.Answer, error) {
	answer, err := st.Read(ctx, store.Query{Keys: []string{functionsKey(user)}})
	if err != nil {
		return nil, answer, fmt.Errorf("read the listener functions: %w", err)
	}
	list := []Function{}
	if answer.Records[0].Version == 0 {
		return list, answer, nil
	}
	if err := json.Unmarshal(answer.Records[0].Value, &list); err != nil {
		return nil, answer, fmt.Errorf("read the listener functions: %w", err)
	}
	return list, answer, nil
}

// change applies a change to a user's functions, again while others change them too.
func (f *functions) change(ctx context.Context, user string, change func([]Function, time.Time) ([]Function, error)) error {
	for {
		list, answer, err := f.read(ctx, user)
		if err != nil {
			return err
		}
		if list, err = change(list, answer.Now); err != nil {
			return err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("encode the listener functions: %w", err)
		}
		result, err := f.store.Commit(ctx, store.Commit{
			Identity: answer.Identity,
			Guards:   []store.Guard{store.At(functionsKey(user), answer.Records[0].Version)},
			Effects:  []store.Effect{store.Put(functionsKey(user), text), store.Index(functionsIndex, []byte(user))},
		})
		if err != nil {
			return fmt.Errorf("keep the listener functions: %w", err)
		}
		if result.OK() {
			f.forget(user)
			return nil
		}
	}
}

func (f *functions) forget(user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, user)
}

// known is read, but believes what was read a moment ago: every message asks.
func (f *functions) known(ctx context.Context, user string) ([]Function, error) {
	f.mu.Lock()
	known, ok := f.users[user]
	f.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.list, nil
	}
	list, _, err := f.read(ctx, user)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.users) >= maxUsers {
		clear(f.users)
	}
	f.users[user] = knownFunctions{list, time.Now().Add(f.refresh)}
	return list, nil
}

// pythonFor is the Python that a message's functions need, "" where none was
// registered or they say nothing. Two that need different ones can never run in one process.
func (f *functions) pythonFor(ctx context.Context, user string, names []string) (string, error) {
	list, err := f.known(ctx, user)
	if err != nil {
		return "", err
	}
	version := ""
	for _, fn := range list {
		if fn.Python == "" || names != nil && !slices.Contains(names, fn.Name) {
			continue
		}
		if version != "" && version != fn.Python {
			return "", refuseField(CodeInvalidField, "/functions",
				"the functions were registered from Python "+version+" and "+fn.Python+"; register them again from one")
		}
		version = fn.Python
	}
	return version, nil
}
