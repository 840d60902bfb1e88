package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/stride"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Signing counts what SignAll has found.
type Signing struct {
	Signed  int // signed now
	Refused int // left as they were: nothing valid has signed them, or they cannot be read
}

// SignAll signs anew, with the first key, the specs and functions that another valid key has
// signed; with adopt also those that none has, as if this server had taken them. It may be
// done twice, and by two servers at once, and on a full store: a server that did not start
// there could not make room.
func (s *Scheduler) SignAll(ctx context.Context, adopt bool) (n Signing, err error) {
	if s.opts.Ring == nil {
		return n, nil
	}
	step := stride.UpTo(listStep)
	err = s.everyIDs(ctx, func(ids []JobID) error {
		ids, err := s.kept(ctx, ids)
		for err == nil && len(ids) > 0 {
			now := ids[:min(step.Next(), len(ids))]
			var done, bytes int
			done, bytes, err = s.signPage(ctx, now, adopt, &n)
			step.Was(len(now), bytes)
			ids = ids[done:]
		}
		return err
	})
	if err != nil {
		return n, fmt.Errorf("sign: %w", err)
	}
	return n, s.signFunctions(ctx, adopt, &n)
}

// kept is which of the jobs there are, whether they can be read or not.
func (s *Scheduler) kept(ctx context.Context, ids []JobID) (found []JobID, err error) {
	q := store.Query{Keys: make([]string, len(ids))}
	for i, id := range ids {
		q.Keys[i] = keyJob(id)
	}
	a, err := s.store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range a.Records {
		if a.Records[i].Version != 0 {
			found = append(found, ids[i])
		}
	}
	return found, nil
}

// signPage signs the specs of some jobs in one commit, guarded by each as it was read: it
// starts over where one was purged meanwhile. done is how many of them it looked at:
// a commit is of chunkBytes, or one job, at most, as that of a submit. Of more a store takes
// none, or, where it is full, not out of what it keeps free. bytes is what was read.
func (s *Scheduler) signPage(ctx context.Context, ids []JobID, adopt bool, n *Signing) (done, bytes int, err error) {
	q := store.Query{Keys: make([]string, 0, 2*len(ids))}
	for _, id := range ids {
		q.Keys = append(q.Keys, keyJob(id), keySpec(id))
	}
	var page Signing
	t := transition[struct{}]{name: "sign", freeing: true, patient: true, query: q}
	t.decide = func(f *facts) (p plan[struct{}], _ error) {
		page, bytes = Signing{}, weight(f.Records)
		size := 0
		for i, id := range ids {
			if size += len(f.record(keySpec(id)).Value); i > 0 && size > chunkBytes {
				break
			}
			s.signOne(f, &p.draft, id, adopt, &page)
			done = i + 1
		}
		return p, nil
	}
	_, err = run(ctx, s, t)
	n.add(page)
	return done, bytes, err
}

// signOne signs one spec. What cannot be read, or has another user in the job's record
// than in the spec, is left: no server wrote it, and nothing runs it.
func (s *Scheduler) signOne(f *facts, d *draft, id JobID, adopt bool, n *Signing) {
	record := f.record(keySpec(id))
	if record.Version == 0 || f.record(keyJob(id)).Version == 0 {
		return
	}
	job, noJob := f.job(id)
	spec, noSpec := decodeSpec(id, record.Value)
	unread := noJob != nil || noSpec != nil
	valid := !unread && s.Verify(&job, &spec) == nil
	if valid && s.opts.Ring.IsFirst(spec.Signature) {
		return
	}
	s.sign(&spec, id, &job)
	if unread || !valid && !adopt || s.Verify(&job, &spec) != nil {
		n.Refused++
		return
	}
	d.guard(store.At(keySpec(id), record.Version))
	d.effect(store.Put(keySpec(id), encodeSpec(spec)))
	n.Signed++
}

func (s *Scheduler) signFunctions(ctx context.Context, adopt bool, n *Signing) error {
	var from []byte
	for {
		users, err := FunctionUsers(ctx, s.store, from, loopBatch)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		for _, user := range users {
			if err := s.signFunctionsOf(ctx, string(user), adopt, n); err != nil {
				return fmt.Errorf("sign: %w", err)
			}
		}
		if len(users) < loopBatch {
			return nil
		}
		from = append(users[len(users)-1], 0) //nolint:gocritic // the next possible member
	}
}

func (s *Scheduler) signFunctionsOf(ctx context.Context, user string, adopt bool, n *Signing) error {
	key := keyFunctions(user)
	var found Signing
	t := transition[struct{}]{name: "sign", freeing: true, patient: true, query: store.Query{Keys: []string{key}}}
	t.decide = func(f *facts) (p plan[struct{}], _ error) {
		found = Signing{}
		list, err := f.functions(user)
		if err != nil { // no server wrote it, and no agent has it
			found.Refused++
			return p, nil
		}
		for i := range list {
			fn := &list[i]
			switch valid := s.VerifyFunctions(user, list[i:i+1]) == nil; {
			case valid && s.opts.Ring.IsFirst(fn.Signature):
			case valid || adopt:
				fn.Signature = s.opts.Ring.Sign(signing.Function, fn.terms(user)...)
				found.Signed++
			default:
				found.Refused++
			}
		}
		if found.Signed > 0 {
			p.guard(store.At(key, f.record(key).Version))
			p.effect(store.Put(key, encode(list)))
		}
		return p, nil
	}
	_, err := run(ctx, s, t)
	n.add(found)
	return err
}

func (n *Signing) add(more Signing) {
	n.Signed, n.Refused = n.Signed+more.Signed, n.Refused+more.Refused
}
