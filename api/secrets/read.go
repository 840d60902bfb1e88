package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Names lists the names of a user's secrets, sorted.
func (v *Vault) Names(ctx context.Context, user string) ([]string, error) {
	c := countOf(user)
	answer, err := v.store.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, From: c.From, To: c.To, Limit: MaxSecrets}}})
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	names := make([]string, len(answer.Ranges[0]))
	for i, m := range answer.Ranges[0] {
		_, names[i], _ = strings.Cut(string(m), "\x00")
	}
	return names, nil
}

// List gives a user's secrets without their values, by name.
func (v *Vault) List(ctx context.Context, user string) ([]Secret, error) {
	names, err := v.Names(ctx, user)
	if err != nil {
		return nil, err
	}
	records, _, err := v.read(ctx, user, names)
	if err != nil {
		return nil, err
	}
	list := make([]Secret, 0, len(names))
	for i, name := range names {
		if records[i] != nil { // else removed between the two reads
			list = append(list, Secret{Name: name, Set: records[i].Set, Damaged: records[i].damaged})
		}
	}
	return list, nil
}

// read gives the records of these names, nil for one that is not there, and the
// identity of the store that has them.
func (v *Vault) read(ctx context.Context, user string, names []string) ([]*record, string, error) {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = recordKey(user, name)
	}
	answer, err := v.store.Read(ctx, store.Query{Keys: keys})
	if err != nil {
		return nil, "", fmt.Errorf("read secrets: %w", err)
	}
	records := make([]*record, len(names))
	for i, r := range answer.Records {
		if r.Version == 0 {
			continue
		}
		records[i] = decode(r.Value)
	}
	return records, answer.Identity, nil
}

// Values opens a user's secrets, by name. Errors: MissingError, DamagedError, ErrKey, those of the store.
func (v *Vault) Values(ctx context.Context, user string, names []string) (map[string]string, error) {
	records, _, err := v.read(ctx, user, names)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(names))
	for i, name := range names {
		if records[i] == nil {
			return nil, &MissingError{name}
		}
		values[name], err = v.keys.open(user, name, records[i])
		if errors.Is(err, ErrKey) && v.Ready(ctx) == nil { // it has the store's key: this one names none
			err = &DamagedError{name}
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}
