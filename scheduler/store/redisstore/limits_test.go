package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestFullMemory: at its memory limit Redis refuses what adds, and takes what
// frees; then it takes all again.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	identity := read(t, s).Identity
	commit(t, s, store.Commit{Identity: identity, Effects: []store.Effect{store.Put("big", make([]byte, 8<<20))}})
	admin(t, server, "config", "set", "maxmemory", "6mb")

	if _, err := s.Commit(soon(t), counting(identity, "a")); !errors.Is(err, store.ErrFull) {
		t.Fatalf("commit to a full server: %v", err)
	}
	if _, _, err := s.Allocate(soon(t), "ids", 1); !errors.Is(err, store.ErrFull) {
		t.Fatalf("allocate on a full server: %v", err)
	}
	if a := read(t, s, "a", "big"); a.Records[0].Version != 0 || a.Records[1].Version != 1 {
		t.Fatal("the refused commit was applied, or the server lost data")
	}

	freeing := counting(identity, "finished")
	freeing.Effects = append(freeing.Effects, store.Delete("big"))
	freeing.Freeing = true
	commit(t, s, freeing)
	// Redis gives the memory back in a thread of its own.
	ctx := soon(t)
	_, err := s.Commit(ctx, counting(identity, "a"))
	for errors.Is(err, store.ErrFull) {
		_, err = s.Commit(ctx, counting(identity, "a"))
	}
	if err != nil {
		t.Fatalf("commit after the freeing: %v", err)
	}
}

// TestRefusedServers: one that would lose jobs by design is not opened.
func TestRefusedServers(t *testing.T) {
	t.Parallel()
	evicting := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	locked := redistest.Start(t, "--requirepass", "right")
	cluster := redistest.Start(t, "--cluster-enabled", "yes")
	for url, word := range map[string]string{
		evicting.URL("n"): "noeviction",
		cluster.URL("n"):  "Cluster",
		locked.URL("n"):   "NOAUTH",
		strings.Replace(locked.URL("n"), "://", "://:topsecret@", 1):    "WRONGPASS",
		strings.Replace(locked.URL("n"), "://", "://ana:topsecret@", 1): "WRONGPASS",
	} {
		_, err := redisstore.Open(soon(t), url)
		if !errors.Is(err, redisstore.ErrConfig) || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("%s: %v; want ErrConfig with %q", url, err, word)
		}
		if strings.Contains(fmt.Sprint(err), "topsecret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	open(t, strings.Replace(locked.URL("n"), "://", "://:right@", 1))
	open(t, strings.Replace(locked.URL("n"), "://", "://default:right@", 1))
}

// TestNobodyThere: it is an outage, which may end, not a configuration.
func TestNobodyThere(t *testing.T) {
	server := redistest.Start(t)
	server.Kill(t)
	_, err := redisstore.Open(context.Background(), server.URL("n"))
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, redisstore.ErrConfig) {
		t.Fatalf("open without a server: %v", err)
	}
}
