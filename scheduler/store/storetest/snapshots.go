package storetest

import (
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Snapshots is the contract of store.Snapshots: what a snapshot of one store
// makes of an empty one, which may be of another kind. open gives new, empty ones.
func Snapshots(t *testing.T, from, to func(t testing.TB) store.Store) {
	for name, contract := range map[string]func(t *testing.T, from, to *bench){
		"equal":     testEqualCopy,
		"one time":  testOneMoment,
		"not empty": testNotEmpty,
		"cut off":   testCutOff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract(t, newBench(t, from(t)), newBench(t, to(t)))
		})
	}
}

func (b *bench) snapshots() store.Snapshots {
	b.t.Helper()
	s, ok := b.Store.(store.Snapshots)
	if !ok {
		b.t.Fatalf("%T takes no snapshots", b.Store)
	}
	return s
}

// snapshot takes one as a file has it.
func (b *bench) snapshot() (uint64, []store.Op) {
	b.t.Helper()
	var ops []store.Op
	revision, err := b.snapshots().Snapshot(b.ctx, func(op store.Op) error {
		text, err := json.Marshal(op)
		if err != nil {
			return err
		}
		var kept store.Op
		ops = append(ops, kept)
		return json.Unmarshal(text, &ops[len(ops)-1])
	})
	if err != nil {
		b.t.Fatalf("snapshot: %v", err)
	}
	return revision, ops
}

func (b *bench) restore(revision uint64, ops []store.Op) {
	b.t.Helper()
	if err := b.snapshots().Restore(b.ctx, revision, each(ops)); err != nil {
		b.t.Fatalf("restore: %v", err)
	}
}

// each gives ops one by one.
func each(ops []store.Op) func() (store.Op, error) {
	return func() (op store.Op, err error) {
		if len(ops) == 0 {
			return op, io.EOF
		}
		op, ops = ops[0], ops[1:]
		return op, nil
	}
}

// state is all that random commits can have made, without the versions.
func (b *bench) state() store.Answer {
	b.t.Helper()
	a := b.read(*everything())
	for i, r := range a.Records {
		if r.Version != 0 {
			a.Records[i].Version = 1
		}
	}
	a.Now, a.Identity, a.Revision = time.Time{}, "", 0
	return a
}

// testEqualCopy copies what random commits have made.
func testEqualCopy(t *testing.T, from, to *bench) {
	g := newGenerator(7)
	for range 3000 {
		op := g.next()
		g.learn(op, op.on(from.ctx, subject{from.Store, from.identity}))
	}
	g.requireVariety(t)
	from.must(nil, store.PutTTL("soon gone", []byte("x"), time.Millisecond), store.PutTTL("later", []byte("y\x00\xff"), time.Hour))
	wanted := from.state()
	revision, ops := from.snapshot()
	if now := from.read(store.Query{}).Revision; revision != now {
		t.Fatalf("the snapshot is of revision %d, the store at %d", revision, now)
	}
	to.restore(revision+10, ops)
	to.want(to.state(), wanted)
	to.want(string(to.record("later").Value), "y\x00\xff")
	to.want(to.record("soon gone"), store.Record{})
	if next := to.must(nil, store.Put("next", nil)); next != revision+11 {
		t.Errorf("the first commit is revision %d, want %d", next, revision+11)
	}
	if n, _, err := to.Allocate(to.ctx, "a new counter", 1); err != nil || n != 1 {
		t.Errorf("allocate: %d, %v", n, err)
	}
}

// A commit of testOneMoment moves a token from one of these to the next. Each
// of them counts its tokens, lists them, and notes the last one that came.
const (
	places = 5
	tokens = 40
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testNotEmpty(t *testing.T, from, to *bench) {
	from.must(nil, store.Put("record", []byte("of the copy")))
	revision, ops := from.snapshot()
	to.must(nil, store.Put("mine", []byte("stays")))
	if err := to.snapshots().Restore(to.ctx, revision, each(ops)); !errors.Is(err, store.ErrNotEmpty) {
		t.Fatalf("restore over something: %v", err)
	}
	to.want(string(to.record("mine").Value), "stays")
	to.want(to.record("record"), store.Record{})
}

// testCutOff: an unfinished restore leaves what Clear removes, and an unfinished
// snapshot does not stand in the way of the next.
func testCutOff(t *testing.T, from, to *bench) {
	from.must(nil, store.Put("record", []byte("x")), store.Index("index", []byte("m")), store.PutTTL("later", nil, time.Hour))
	cut := errors.New("cut off")
	if _, err := from.snapshots().Snapshot(from.ctx, func(store.Op) error { return cut }); !errors.Is(err, cut) {
		t.Fatalf("snapshot: %v", err)
	}
	revision, ops := from.snapshot()
	next := each(ops)
	err := to.snapshots().Restore(to.ctx, revision, func() (store.Op, error) {
		if op, err := next(); err == nil {
			return op, nil
		}
		return store.Op{}, cut
	})
	if !errors.Is(err, cut) {
		t.Fatalf("restore: %v", err)
	}
	must(t, to.snapshots().Clear(to.ctx))
	if empty, err := to.snapshots().Empty(to.ctx); err != nil || !empty {
		t.Fatalf("empty after Clear: %v, %v", empty, err)
	}
	to.restore(revision, ops)
	to.want(string(to.record("record").Value), "x")
	to.want(to.members("index"), []string{"m"})
}
