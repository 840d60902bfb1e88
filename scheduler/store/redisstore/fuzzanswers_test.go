package redisstore

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// parrot is a server that gives each request the same answer, and then hangs up. The
// greeting of a connection it answers as Redis does that does not know it, and then what it
// says of its role.
type parrot struct {
	path         string
	role, answer atomic.Pointer[[]byte]
}

func newParrot(t testing.TB) *parrot {
	t.Helper()
	p := &parrot{path: filepath.Join(t.TempDir(), "s")}
	p.says(&p.role, "$0\r\n\r\n")
	listener, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (*parrot) says(what *atomic.Pointer[[]byte], text string) {
	words := []byte(text)
	what.Store(&words)
}

func (p *parrot) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		switch request := bytes.ToLower(buf[:n]); {
		case bytes.Contains(request, []byte("hello")):
			_, err = conn.Write([]byte("-ERR unknown command 'hello'\r\n"))
		case bytes.Contains(request, []byte("replication")):
			_, err = conn.Write(*p.role.Load())
		default:
			_, _ = conn.Write(*p.answer.Load()) // an error: the client has gone
			return
		}
		if err != nil {
			return
		}
	}
}

// store gives one that has accepted the parrot already.
func (p *parrot) store() *Store {
	t := target{network: "unix", addrs: []string{p.path}, namespace: "n"}
	s := &Store{client: t.client(), target: t, prefix: "mlq:{n}:"}
	s.revision = s.prefix + store.RevisionKey
	s.courier = newCourier(s.client)
	s.watches = newWatches(s.client, s.prefix)
	return s
}

// committed is the answer to a commit that took place.
const committed = "*4\r\n$2\r\nok\r\n:7\r\n:1700000000000000\r\n$3\r\nabc\r\n"

// believed: an answer that is right gets through to the store, so that others would too.
func (p *parrot) believed(t testing.TB) {
	t.Helper()
	p.says(&p.answer, committed)
	s := p.store()
	defer s.Close()
	if r, err := s.Commit(t.Context(), someCommit()); err != nil || !r.OK() || r.Revision != 7 {
		t.Fatalf("a right answer: %+v, %v", r, err)
	}
}

func someCommit() store.Commit {
	return store.Commit{Identity: "abc", Guards: []store.Guard{store.At("a", 1)}, Effects: []store.Effect{store.Put("a", nil)}}
}

// FuzzAnswers: a server that answers anything neither breaks nor holds up the client,
// and only what has the form of our scripts' answers counts as one.
func FuzzAnswers(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, answer := range []string{
		committed,
		"*4\r\n$5\r\nguard\r\n:9\r\n:1700000000000000\r\n$3\r\nabc\r\n",
		"*3\r\n:7\r\n:1700000000000000\r\n$3\r\nabc\r\n*3\r\n$3\r\n1:x\r\n$-1\r\n$1\r\n5\r\n*1\r\n$1\r\nm\r\n:4\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$1\r\nv\r\n$1\r\nx\r\n",
		"*2\r\n:17\r\n$3\r\nabc\r\n", "*2\r\n:-17\r\n$3\r\nabc\r\n", "*0\r\n", "*1\r\n*0\r\n", "+OK\r\n", ":5\r\n", "$-1\r\n", "$3\r\nabc",
		"-NOSCRIPT No matching script\r\n", "-BUSY x\r\n", "-LOADING x\r\n", "-OOM x\r\n", "-READONLY x\r\n", "-MOVED 1 a:1\r\n",
		"$9223372036854775807\r\n", "*9223372036854775807\r\n", "$-2\r\n", "%1\r\n*0\r\n:1\r\n", ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "",
		"$46\r\nredis_version:7.2\r\nused_memory:1\r\nmaxmemory:0\r\n\r\n",
	} {
		seeds.Add([]byte(answer))
	}
	p := newParrot(f)
	p.believed(f)
	f.Fuzz(func(t *testing.T, answer []byte) {
		p.answer.Store(&answer)
		s := p.store()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		askAll(ctx, t, s, answer)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("%q held the client up", answer)
		}
	})
}

func askAll(ctx context.Context, t *testing.T, s *Store, answer []byte) {
	t.Helper()
	r, err := s.Commit(ctx, someCommit())
	mustBeKnown(t, answer, err)
	if err == nil && (!bytes.HasPrefix(answer, []byte("*4\r\n")) || r.Conflict > 0) {
		t.Fatalf("%q was believed as %+v", answer, r)
	}
	first, _, err := s.Allocate(ctx, "ids", 3)
	mustBeKnown(t, answer, err)
	if err == nil && (!bytes.HasPrefix(answer, []byte("*2\r\n"))) {
		t.Fatalf("%q gave the numbers from %d", answer, first)
	}
	a, err := s.Read(ctx, store.Query{
		Keys: []string{"a", "b"}, Counters: []string{"c"}, Ranges: []store.Range{{Index: "i", Limit: 2}},
		Counts: []store.Count{{Index: "i", Cap: 3}}, Logs: []store.LogRange{{Log: "l", Limit: 2}},
	})
	mustBeKnown(t, answer, err)
	if err == nil && (len(a.Records) != 2 || len(a.Counters) != 1 || len(a.Ranges) != 1 || len(a.Counts) != 1 || len(a.Logs) != 1) {
		t.Fatalf("%q was read as %+v", answer, a)
	}
	_, err = s.Describe(ctx)
	mustBeKnown(t, answer, err)
	_, err = s.Empty(ctx)
	mustBeKnown(t, answer, err)
}

func mustBeKnown(t *testing.T, answer []byte, err error) {
	t.Helper()
	for _, known := range []error{nil, store.ErrUnavailable, store.ErrFull, store.ErrInvalid, store.ErrTooLarge, ErrConfig} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("%q became an error of no kind: %v", answer, err)
}
