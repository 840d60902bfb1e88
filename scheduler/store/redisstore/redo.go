package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/stride"
	"github.com/mlq-dev/mlq/scheduler/store"
)

const (
	redoTTL  = time.Minute // a snapshot whose process died costs nothing after that
	redoPage = 256         // commits of one read, or fewer where they are large
)

// redo is the note of all that is committed while a snapshot reads: two logs
// on the server, which are emptied into a file of ours as they grow.
type redo struct {
	store *Store
	at    uint64                   // the last revision that was made
	read  map[string]store.EntryID // by log: what was read last
	wait  map[uint64][]noted       // by revision: read, and not made yet
	step  *stride.Stride           // how many are read next
	ops   *os.File                 // one JSON object a line
	lines *json.Encoder
}

// noted is a commit, or an allocation that came after it.
type noted struct {
	log   string
	id    store.EntryID
	value string
}

// beginRedo starts the note. Whoever finds one there waits until it is gone.
func (s *Store) beginRedo(ctx context.Context) (*redo, error) {
	own, all := s.key(store.OwnRedoKey), s.key(store.RedoKey)
	reply, err := s.run(ctx, redoScript, 0, []string{s.revision, own, all}, []any{redoTTL.Milliseconds()})
	if err != nil {
		return nil, err
	}
	var at int64
	if err := read(reply, &at); err != nil {
		return nil, err
	}
	if at < 0 {
		return nil, fmt.Errorf("%w: another one is being taken, or its process ended less than a minute ago", store.ErrSnapshot)
	}
	r := &redo{store: s, at: uint64(at), read: map[string]store.EntryID{}, wait: map[uint64][]noted{}, step: stride.UpTo(redoPage)}
	for _, key := range []string{own, all} {
		r.read[key] = store.EntryID{Revision: r.at, Seq: 1}
	}
	if r.ops, err = os.CreateTemp("", "mlq-redo-"); err != nil {
		return r, err
	}
	r.lines = json.NewEncoder(r.ops)
	return r, os.Remove(r.ops.Name()) // the open file lives on without its name
}

// end stops the note, also where the caller's time is over.
func (r *redo) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	cmd := redis.NewIntCmd(ctx, "unlink", r.store.key(store.OwnRedoKey), r.store.key(store.RedoKey))
	err := r.store.courier.deliver(ctx, 0, cmd)
	if err == nil {
		err = cmd.Err()
	}
	if r.ops != nil {
		err = errors.Join(err, r.ops.Close())
	}
	return err
}

// take makes what was noted until now.
func (r *redo) take(ctx context.Context) error {
	for {
		most, all, err := r.page(ctx)
		if err != nil {
			return err
		}
		if err := r.makeWaiting(); err != nil {
			return err
		}
		switch {
		case all && r.at >= most:
			return r.forget(ctx)
		case all:
			return fmt.Errorf("%w: commit %d was not noted: an older mlq writes to this store, or the snapshot stood still for a minute",
				store.ErrSnapshot, r.at+1)
		}
	}
}

// makeWaiting makes commits in the order of their revisions, each once it is
// there, and allocations when they come: nothing but them changes their counters.
func (r *redo) makeWaiting() error {
	for revision := range r.wait {
		if revision <= r.at {
			if err := r.noteAll(revision); err != nil {
				return err
			}
		}
	}
	for len(r.wait[r.at+1]) > 0 && r.wait[r.at+1][0].id.Seq == 0 {
		r.at++
		if err := r.noteAll(r.at); err != nil {
			return err
		}
	}
	return nil
}

func (r *redo) noteAll(revision uint64) error {
	list := r.wait[revision]
	delete(r.wait, revision)
	for _, n := range list {
		if err := r.note(n); err != nil {
			return fmt.Errorf("revision %d: %w", revision, err)
		}
	}
	return nil
}

// page reads what comes next in both logs. It returns which revision there was
// before, and whether that was all.
func (r *redo) page(ctx context.Context) (most uint64, all bool, err error) {
	s, n := r.store, r.step.Next()
	pipe := s.client.Pipeline()
	stamp := s.askStamp(ctx, pipe)
	cmds := make(map[string]*redis.XMessageSliceCmd, len(r.read))
	for key, id := range r.read {
		cmds[key] = pipe.XRangeN(ctx, key, fmt.Sprintf("(%d-%d", id.Revision, id.Seq), "+", int64(n))
	}
	if err := s.courier.deliver(ctx, 0, pipe.Cmds()...); err != nil {
		return 0, false, failure(err)
	}
	var a store.Answer
	if err := stamp(&a); err != nil {
		return 0, false, failure(err)
	}
	all = true
	fullest, bytes := 0, 0 // n is for each log
	for key, cmd := range cmds {
		entries, err := logged(cmd)
		if err != nil {
			return 0, false, failure(err)
		}
		for _, e := range entries {
			r.keep(noted{key, e.ID, string(e.Value)})
			bytes += len(e.Value)
		}
		fullest = max(fullest, len(entries))
		all = all && len(entries) < n
	}
	r.step.Was(fullest, bytes)
	return a.Revision, all, nil
}

// keep puts a commit before the allocations that came after it.
func (r *redo) keep(n noted) {
	if n.id.After(r.read[n.log]) {
		r.read[n.log] = n.id
	}
	r.wait[n.id.Revision] = append(r.wait[n.id.Revision], n)
	slices.SortStableFunc(r.wait[n.id.Revision], func(a, b noted) int { return cmp.Compare(a.id.Seq, b.id.Seq) })
}

// note writes the steps of one commit to our file.
func (r *redo) note(n noted) error {
	prefix := len(r.store.prefix)
	ops, err := readAllocation(n.value, prefix)
	if n.id.Seq == 0 {
		ops, err = readRedo(n.value, n.id.Revision, prefix)
	}
	if err != nil {
		return err
	}
	for _, op := range ops {
		if n.log == r.store.key(store.OwnRedoKey) && !anAgentMay(string(op.Key)) {
			return fmt.Errorf("%w: what an agent may note names %s", store.ErrSnapshot, op.Key)
		}
		if err := r.lines.Encode(op); err != nil {
			return err
		}
	}
	return nil
}

// forget takes what was made out of the logs, and lets them live on.
func (r *redo) forget(ctx context.Context) error {
	pipe := r.store.client.Pipeline()
	for key := range r.read {
		pipe.XTrimMinID(ctx, key, strconv.FormatUint(r.at+1, 10)+"-0") // commits that wait are later
		pipe.PExpire(ctx, key, redoTTL)
	}
	cmds := pipe.Cmds()
	if err := r.store.courier.deliver(ctx, 0, cmds...); err != nil {
		return failure(err)
	}
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return failure(err)
		}
	}
	return nil
}

// replay gives the steps in their order.
func (r *redo) replay(do func(store.Op) error) error {
	if _, err := r.ops.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for lines := json.NewDecoder(r.ops); ; {
		var op store.Op
		err := lines.Decode(&op)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(op); err != nil {
			return err
		}
	}
}
