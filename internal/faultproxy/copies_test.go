package faultproxy_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/internal/faultproxy"
	"github.com/mlq-dev/mlq/internal/redistest"
)

// TestDuplicateRequest: a whole request arrives twice and is answered once, and
// a read is not copied.
func TestDuplicateRequest(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.link.DuplicateOften(1, 0)
	for range 2 { // over one connection
		if answer, err := w.post(t.Context(), "again"); err != nil || answer != "did again" {
			t.Fatal(answer, err)
		}
		w.carriedOut("POST again")
		w.carriedOut("POST again")
	}
	answer, err := w.call.Get("http://" + w.link.Addr())
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	w.carriedOut("GET ")
	w.link.Duplicate(1, 0)
	if answer, err := w.post(t.Context(), "last"); err != nil || answer != "did last" {
		t.Fatal(answer, err)
	}
	w.carriedOut("POST last")
	w.carriedOut("POST last")
	w.posts("no more")
	w.nothingElse()
	counted(t, w.link, 3)
}

// TestDuplicateLate: the copy comes when the first request has been answered and
// its connection is gone.
func TestDuplicateLate(t *testing.T) {
	t.Parallel()
	w := newWeb(t, faultproxy.HTTP)
	w.link.Duplicate(1, 300*time.Millisecond)
	w.posts("first")
	w.link.Cut()
	w.call.CloseIdleConnections()
	w.posts("second")
	w.carriedOut("POST first")
}

// TestTLSIsNotCopied: nobody on the way can repeat a request of TLS, and the
// link passes what it cannot read.
func TestTLSIsNotCopied(t *testing.T) {
	t.Parallel()
	l := link(t, echo(t), faultproxy.HTTP)
	l.DuplicateOften(1, 0)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
	if _, err := client.Get("https://" + l.Addr()); err == nil {
		t.Fatal("an echo is not TLS")
	}
	if n := l.Counts(); n.Duplicated != 0 || n.Connections == 0 {
		t.Errorf("%+v", n)
	}
}

// TestDuplicateScript: a script of a connection that logged in and chose a
// database is carried out twice there; other commands are not.
func TestDuplicateScript(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "secret")
	l := link(t, server.Addr(), faultproxy.Redis)
	client := redis.NewClient(&redis.Options{Addr: l.Addr(), Password: "secret", DB: 3, MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	l.DuplicateOften(1, 0)
	do := func(line ...any) any {
		t.Helper()
		answer, err := client.Do(t.Context(), line...).Result()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	const script = "return redis.call('RPUSH', KEYS[1], ARGV[1])"
	sha := do("SCRIPT", "LOAD", script)
	do("INCR", "n")
	do("EVAL", script, 1, "list", "a")
	counted(t, l, 1)
	do("EVALSHA", sha, 1, "list", "b\r\n$3\r\n")
	counted(t, l, 2)
	if _, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error { // in one piece
		p.Do(t.Context(), "EVALSHA", sha, 1, "list", "c")
		p.Do(t.Context(), "INCR", "n")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	counted(t, l, 3)
	l.Heal()
	if got := fmt.Sprintf("%q", do("LRANGE", "list", 0, -1)); got != `["a" "a" "b\r\n$3\r\n" "b\r\n$3\r\n" "c" "c"]` {
		t.Errorf("the server has %s", got)
	}
	if n := do("GET", "n"); n != "2" {
		t.Errorf("INCR came to %v", n)
	}
}

// counted waits until so many copies were delivered.
func counted(t *testing.T, l *faultproxy.Link, want int) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for l.Counts().Duplicated < want {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d copies, want %d", l.Counts().Duplicated, want)
		}
	}
}
