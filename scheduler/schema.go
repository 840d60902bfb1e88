package scheduler

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// keySchema is the record of how the records of this store are laid out
// (schemaRecord): written by the first server, for ever. Absent: schema 1.
const keySchema = "spec:schema"

// firstSchema is what stores without the record have.
const firstSchema = 1

var (
	// ErrNewerSchema: a newer build wrote to the store what this one cannot
	// read. Starting again does not help.
	ErrNewerSchema = errors.New("the store is of a newer mlq")
	// ErrOlderSchema: a server of this build has to migrate the store first.
	ErrOlderSchema = errors.New("the store is of an older mlq")
	// ErrRestoring: the store is being filled from a backup, or that was cut off.
	ErrRestoring = errors.New("the store is half restored")
)

type schemaRecord struct {
	Schema  int    `json:"s"`
	Version string `json:"v,omitempty"` // of the build that made it
	// To is what the store is being migrated to, 0 if it is not; Cursor is how
	// far that has come. From the first step on older builds must leave it alone.
	To     int    `json:"to,omitempty"`
	Cursor []byte `json:"c,omitempty"`
	// Restoring: mlq restore has not finished.
	Restoring bool `json:"restoring,omitempty"`
}

// migration takes a store from one schema to the next.
type migration struct {
	what string // for the log
	// step does a part of the work, from where cursor says (nil: the start), and says
	// where the next one begins; nil: it is done. Each may be done twice, also by
	// two servers at once, and one that was cut off is begun again.
	step func(ctx context.Context, s *Scheduler, cursor []byte) (next []byte, err error)
}

// migrations has the way from schema 1 to 2 first. There is none yet.
var migrations []migration

// SchemaNumber is what this build makes of a store: 1 and one for each migration.
func SchemaNumber() int { return firstSchema + len(migrations) }

// OpenSchema refuses a store that this build must not use (ErrNewerSchema,
// ErrRestoring), and brings an older one up to date, or where migrate is false
// refuses that too (ErrOlderSchema). Every process calls it before anything else.
func (s *Scheduler) OpenSchema(ctx context.Context, migrate bool) error {
	for {
		r, done, err := s.schemaStep(ctx, migrate)
		if err != nil || done {
			return err
		}
		if r.To != 0 && r.Cursor == nil {
			s.opts.Log.Info().Int("from", r.Schema).Int("to", r.To).Str("what", migrations[r.Schema-firstSchema].what).Msg("migrating the store")
		}
	}
}

// schemaStep brings the store one step on. Several servers may do it at once:
// the record is guarded, and whoever is late looks where it stands now.
func (s *Scheduler) schemaStep(ctx context.Context, migrate bool) (r schemaRecord, done bool, err error) {
	f, err := s.readSchema(ctx)
	if err != nil {
		return r, false, err
	}
	r, version, err := schemaOf(f, s.opts.Version)
	if err != nil || version != 0 && r.Schema == SchemaNumber() || !migrate && r.Schema == SchemaNumber() {
		return r, true, err
	}
	if !migrate {
		return r, true, fmt.Errorf("%w: it has schema %d, and mlq %s works with schema %d", ErrOlderSchema, r.Schema, s.opts.Version, SchemaNumber())
	}
	next, err := s.advance(ctx, r, version, f)
	if err != nil {
		return r, true, fmt.Errorf("migrate the store from schema %d to %d: %w", r.Schema, r.Schema+1, err)
	}
	_, err = s.store.Commit(ctx, store.Commit{
		Identity: f.Identity, Guards: []store.Guard{store.At(keySchema, version)}, Effects: []store.Effect{store.Put(keySchema, encode(next))},
	})
	return next, false, err
}

// advance is the record after the next step.
func (s *Scheduler) advance(ctx context.Context, r schemaRecord, version uint64, f *facts) (schemaRecord, error) {
	switch {
	case version == 0 && f.record(keyEpoch).Version == 0: // a new store
		return schemaRecord{Schema: SchemaNumber(), Version: s.opts.Version}, nil
	case r.Schema == SchemaNumber(): // of a build that wrote no number
		return schemaRecord{Schema: r.Schema, Version: s.opts.Version}, nil
	case r.To == 0: // first the mark, so that nobody older begins
		return schemaRecord{Schema: r.Schema, Version: s.opts.Version, To: r.Schema + 1}, nil
	}
	cursor, err := migrations[r.Schema-firstSchema].step(ctx, s, r.Cursor)
	if err != nil || cursor != nil {
		r.Cursor = cursor
		return r, err
	}
	return schemaRecord{Schema: r.To, Version: s.opts.Version}, nil
}

func (s *Scheduler) readSchema(ctx context.Context) (*facts, error) {
	q := store.Query{Keys: []string{keySchema, keyEpoch}}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the store's schema: %w", err)
	}
	return newFacts(q, a), nil
}

// schemaOf reads the record, and refuses what this build must leave alone.
func schemaOf(f *facts, build string) (r schemaRecord, version uint64, err error) {
	r.Schema = firstSchema
	if version, err = f.load(keySchema, &r); err != nil {
		return r, version, err
	}
	if newest := max(r.Schema, r.To); newest > SchemaNumber() {
		return r, version, fmt.Errorf("%w: it has schema %d, made by mlq %s, and this is mlq %s, which knows schemas up to %d",
			ErrNewerSchema, newest, r.Version, build, SchemaNumber())
	}
	if r.Restoring {
		return r, version, ErrRestoring
	}
	return r, version, nil
}
