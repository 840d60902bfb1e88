package agent

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// signed has a job that a server with this ring took.
func signed(t *testing.T, ring *signing.Ring) (scheduler.Job, scheduler.Spec) {
	t.Helper()
	return signedFor(t, ring, "")
}

// signedFor has one that named a host.
func signedFor(t *testing.T, ring *signing.Ring, host string) (scheduler.Job, scheduler.Spec) {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s, err := scheduler.New(st, scheduler.Options{Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.Submit(t.Context(), scheduler.Who{User: "alice"}, []scheduler.Submission{{
		Media: scheduler.MediaJSON, Body: []byte(`{"command":["true"]}`), Request: scheduler.Request{Host: host},
	}}, "")
	if err != nil {
		t.Fatal(err)
	}
	job, err := s.Job(t.Context(), done.IDs[0])
	if err != nil {
		t.Fatal(err)
	}
	spec, err := s.Spec(t.Context(), job.ID)
	if err != nil {
		t.Fatal(err)
	}
	return job, spec
}

// office is what a server says of its keys, and how often it was asked.
type office struct {
	set   signing.Set
	err   error
	asked int
}

func (o *office) fetch(context.Context) (signing.Set, error) {
	o.asked++
	return o.set, o.err
}

func (o *office) signers(dir string) *signers {
	return newSigners(&Options{DataDir: dir, Signers: o.fetch, Log: zerolog.Nop()})
}

// TestLeaseOfAnotherHost: a lease is not signed. One that was written into the store for a
// host that the job was not to run on is given back before anything of the job is read.
func TestLeaseOfAnotherHost(t *testing.T) {
	ring := signing.NewRing("mlq", signing.NewKey([32]byte{1}))
	job, spec := signedFor(t, ring, "h1")
	server := office{set: ring.Set}
	a := &attempt{agent: &Agent{opts: Options{Name: "h2"}, signers: server.signers(t.TempDir())}, job: job, spec: spec}
	_, err := a.prepare(t.Context())
	if refused, ok := errors.AsType[*scheduler.FieldError](err); !ok || refused.Field != "host" {
		t.Errorf("got %v", err)
	}
}

func TestSignersAreNeeded(t *testing.T) {
	_, err := Options{Scheduler: struct{ Scheduler }{}, API: struct{ API }{}, Provider: struct{ gpu.Provider }{}, DataDir: t.TempDir()}.withDefaults()
	if err == nil || !strings.Contains(err.Error(), "signers") {
		t.Errorf("an agent that checks nothing: %v", err)
	}
}

// TestSignersWithoutASet: what is not known, empty or damaged lets nothing through.
func TestSignersWithoutASet(t *testing.T) {
	job, spec := signed(t, signing.NewRing("mlq", signing.NewKey([32]byte{1})))
	bare := spec
	bare.Signature = nil
	for name, c := range map[string]struct {
		server office
		kept   string
		want   error
	}{
		"no server answers":            {office{err: errors.New("away")}, "", errAPIAway},
		"what is kept is damaged":      {office{err: errors.New("away")}, `{"scope":"mlq","keys":["00`, errAPIAway},
		"the server has no key":        {office{set: signing.Set{Scope: "mlq"}}, "", scheduler.ErrUnsigned},
		"what is kept has no key":      {office{}, `{"scope":"mlq","keys":[]}`, scheduler.ErrUnsigned},
		"what is kept is nothing":      {office{}, `null`, scheduler.ErrUnsigned},
		"the key of another store":     {office{set: signing.NewRing("mlq", signing.NewKey([32]byte{2})).Set}, "", scheduler.ErrUnsigned},
		"the scope of another store":   {office{set: signing.NewRing("lab", signing.NewKey([32]byte{1})).Set}, "", scheduler.ErrUnsigned},
		"the server's answer is empty": {office{}, "", scheduler.ErrUnsigned},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.kept != "" {
				if err := os.WriteFile(filepath.Join(dir, signersFile), []byte(c.kept), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for what, s := range map[string]*scheduler.Spec{"signed": &spec, "unsigned": &bare} {
				if err := c.server.signers(dir).verify(t.Context(), &job, s); !errors.Is(err, c.want) && (s == &spec || !errors.Is(err, scheduler.ErrUnsigned)) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
			}
		})
	}
}

// TestSignersDoNotHoldTheCancelled: who waits for another's question goes when it is cancelled.
func TestSignersDoNotHoldTheCancelled(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	s := newSigners(&Options{DataDir: t.TempDir(), Log: zerolog.Nop(), Signers: func(context.Context) (signing.Set, error) {
		close(asked)
		<-answer
		return signing.Set{Scope: "mlq"}, nil
	}})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.refresh(t.Context()) }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go func() { second <- s.refresh(ctx) }()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(2 * time.Second):
		t.Error("it waits for the answer to another's question")
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestSignersThatAreDamaged: a file of before it was sealed, with another letter in it, has no
// genuine job refused while a server answers; without one what is known decides.
func TestSignersThatAreDamaged(t *testing.T) {
	ring := signing.NewRing("mlq", signing.NewKey([32]byte{1}))
	job, spec := signed(t, ring)
	text, err := json.Marshal(signing.Set{Scope: "mlr", Keys: ring.Keys})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, signersFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	away := &office{err: errors.New("away")}
	if err := away.signers(dir).verify(t.Context(), &job, &spec); !errors.Is(err, signing.ErrAltered) {
		t.Errorf("no server answers: %v", err)
	}
	server := &office{set: ring.Set}
	if err := server.signers(dir).verify(t.Context(), &job, &spec); err != nil {
		t.Errorf("a server answers: %v", err)
	}
	spec.Signature = nil
	if err := server.signers(dir).verify(t.Context(), &job, &spec); !errors.Is(err, signing.ErrUnsigned) || server.asked > 1 {
		t.Errorf("without a signature: %v; asked %d times", err, server.asked)
	}
}

// TestSignersOfAServerThatHangs: who waits for its answer goes on.
func TestSignersOfAServerThatHangs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSigners(&Options{DataDir: dir, Log: zerolog.Nop(), Signers: func(ctx context.Context) (signing.Set, error) {
			<-ctx.Done()
			return signing.Set{}, ctx.Err()
		}})
		start := time.Now()
		if s.known(t.Context()) {
			t.Error("keys without an answer")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("it waited for %s", took)
		}
	})
}

// TestSignersAreMissedOnce: what goes on is not told at each look at the queue.
func TestSignersAreMissedOnce(t *testing.T) {
	var told strings.Builder
	s := newSigners(&Options{DataDir: t.TempDir(), Log: zerolog.New(&told), Signers: (&office{err: errors.New("away")}).fetch})
	for range 10 {
		if s.known(t.Context()) {
			t.Error("keys without an answer")
		}
	}
	if n := strings.Count(told.String(), "no job is claimed"); n != 1 {
		t.Errorf("told %d times: %s", n, told.String())
	}
}

// TestSignersForget: a key that was taken away is not believed any more, neither by an
// agent that has it on its disk; and jobs with unknown keys do not make it ask all the time.
func TestSignersForget(t *testing.T) {
	old, young := signing.NewRing("mlq", signing.NewKey([32]byte{1})), signing.NewRing("mlq", signing.NewKey([32]byte{2}))
	job, spec := signed(t, old)
	newer, newSpec := signed(t, young)
	dir, server := t.TempDir(), &office{set: old.Set}
	s := server.signers(dir)
	if !s.known(t.Context()) || s.verify(t.Context(), &job, &spec) != nil {
		t.Fatal("a genuine job is refused")
	}
	if err := s.verify(t.Context(), &newer, &newSpec); !errors.Is(err, scheduler.ErrUnsigned) {
		t.Errorf("by a key that no server has: %v", err)
	}
	server.set = young.Set
	for range 100 { // within a second of the answer
		_ = s.verify(t.Context(), &newer, &newSpec) // refused, as above
	}
	if server.asked > 2 {
		t.Errorf("the server was asked %d times", server.asked)
	}
	s.asked = time.Time{}
	if err := s.verify(t.Context(), &newer, &newSpec); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	for name, again := range map[string]*signers{"the same agent": s, "the next one": (&office{err: errors.New("away")}).signers(dir)} {
		if err := again.verify(t.Context(), &job, &spec); err == nil {
			t.Errorf("%s believes the old key", name)
		}
	}
}
