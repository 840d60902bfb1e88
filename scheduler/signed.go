package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// ErrUnsigned: what was read of a job, or of a function, is not as a server of this
// store has signed it. Whoever wrote it did not go through one.
var ErrUnsigned = errors.New("no server of this store has signed it")

// terms are the fields of a job's signature (docs/signing.md): all that decides what
// runs, as whom, and what it asks of a host. The spec is immutable; of the job's record
// it is what never changes after the submit.
func (s *Spec) terms(id JobID, j *Job) [][]byte {
	body := sha256.Sum256(s.Body)
	var numbers, flags []byte
	numbers = binary.AppendVarint(numbers, j.Timeout.Microseconds()) // as records keep them
	numbers = binary.AppendVarint(numbers, j.Grace.Microseconds())
	for _, is := range []bool{j.Hold, j.KeepOnPartition, j.Message} {
		flags = append(flags, map[bool]byte{true: '1', false: '0'}[is])
	}
	return [][]byte{
		binary.BigEndian.AppendUint64(nil, uint64(id)), []byte(s.User), []byte(s.Unix), []byte(s.Media), body[:],
		[]byte(j.asks()), numbers, flags,
	}
}

// asks is what the job asks of a host. The class of a message changes with its
// functions: it says which Python they need, or that the user's consumers take it, and
// nothing else (takenByOwn). What its request asks stands in the rest, or in Asked: of any
// other job that field says nothing, for agents go by the class.
func (j *Job) asks() string {
	if !j.Message {
		return j.Class
	}
	asks := j.Class
	if consumed(asks) {
		asks = j.Asked
	}
	n, err := ParseNeed(asks)
	if err != nil {
		return asks
	}
	n.Call = ""
	return n.String()
}

// VerifySpec refuses a job whose spec and record are not as a server has signed them
// (ErrUnsigned, which also wraps the error of the set). No set: nothing is checked.
func VerifySpec(set *signing.Set, j *Job, s *Spec) error {
	if set == nil {
		return nil
	}
	err := set.Verify(signing.Job, s.Signature, s.terms(j.ID, j)...)
	switch {
	case err != nil:
	case consumed(j.Class) && !j.takenByOwn():
		err = fmt.Errorf("%w: %q is not a class of consumers of user %q", signing.ErrAltered, j.Class, j.User)
	case j.User != s.User || j.Unix != s.Unix:
		err = fmt.Errorf("%w: the record says user %q with account %q, the spec %q with %q", signing.ErrAltered, j.User, j.Unix, s.User, s.Unix)
	}
	if err != nil {
		return fmt.Errorf("job %d: %w: %w", j.ID, ErrUnsigned, err)
	}
	return nil
}

// takenByOwn reports whether the class of a job of consumers says what that of a user's
// message may say: that their own consumers take it, with which functions, and no more.
func (j *Job) takenByOwn() bool {
	n, err := ParseNeed(j.Class)
	return err == nil && j.Message && n.String() == ConsumerNeed(j.User, n.Functions).String() && n.String() == j.Class
}

// Verify is VerifySpec with this scheduler's own keys.
func (s *Scheduler) Verify(j *Job, spec *Spec) error { return VerifySpec(s.set(), j, spec) }

func (s *Scheduler) set() *signing.Set {
	if s.opts.Ring == nil {
		return nil
	}
	return &s.opts.Ring.Set
}

// SignedJob reads a job with its spec, and verifies it. Errors: ErrNotFound, ErrUnsigned.
func (s *Scheduler) SignedJob(ctx context.Context, id JobID) (Job, Spec, error) {
	a, err := s.store.Read(ctx, store.Query{Keys: []string{keyJob(id), keySpec(id)}})
	if err != nil {
		return Job{}, Spec{}, fmt.Errorf("signed job: %w", err)
	}
	record, text := a.Records[0], a.Records[1]
	if record.Version == 0 {
		return Job{}, Spec{}, fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	job, err := decodeJob(id, record.Version, record.Value)
	var spec Spec
	if err == nil && text.Version != 0 {
		spec, err = decodeSpec(id, text.Value)
	}
	if err != nil {
		return Job{}, Spec{}, fmt.Errorf("signed job: %w", err)
	}
	return job, spec, s.Verify(&job, &spec)
}

// sign gives the spec its signature.
func (s *Scheduler) sign(spec *Spec, id JobID, j *Job) {
	if r := s.opts.Ring; r != nil {
		spec.Signature = r.Sign(signing.Job, spec.terms(id, j)...)
	}
}

// signChunk encodes the specs of a chunk, which has its ids, on all cores: a signature
// costs as much as the rest of a submit.
func (s *Scheduler) signChunk(c *chunk) {
	c.specs = make([][]byte, len(c.items))
	workers := min(runtime.GOMAXPROCS(0), 1+len(c.items)/16)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(c.items); i += workers {
				spec := c.items[i].spec
				s.sign(&spec, c.first+JobID(i), &c.items[i].job)
				c.specs[i] = encodeSpec(spec)
			}
		})
	}
	all.Wait()
}

// terms are the fields of a function's signature: all of it but its process, which
// servers change, and the signature.
func (f *Function) terms(user string) [][]byte {
	bare := *f
	bare.Process, bare.Signature, bare.Registered = Process{}, nil, bare.Registered.UTC()
	return [][]byte{[]byte(user), encode(bare)}
}

// VerifyFunctions refuses functions that no server has signed (ErrUnsigned).
func (s *Scheduler) VerifyFunctions(user string, list []Function) error {
	set := s.set()
	if set == nil {
		return nil
	}
	for i := range list {
		if err := set.Verify(signing.Function, list[i].Signature, list[i].terms(user)...); err != nil {
			return fmt.Errorf("function %s of %s: %w: %w", list[i].Name, user, ErrUnsigned, err)
		}
	}
	return nil
}

// signNew signs the functions that were not in the list before. What was there keeps
// the signature that it has or lacks: signed anew, a forged one would be genuine.
func (s *Scheduler) signNew(user string, before, after []Function) {
	r := s.opts.Ring
	if r == nil {
		return
	}
	for i := range after {
		f := &after[i]
		there := slices.ContainsFunc(before, func(old Function) bool { return old.sameAs(f) })
		if !there {
			f.Signature = r.Sign(signing.Function, f.terms(user)...)
		}
	}
}

// sameAs: all but the process is the same.
func (f *Function) sameAs(other *Function) bool {
	a, b := *f, *other
	a.Process, b.Process = Process{}, Process{}
	return string(encode(a)) == string(encode(b))
}
