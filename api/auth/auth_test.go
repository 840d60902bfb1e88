package auth_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

func memory(t *testing.T) store.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func onEveryStore(t *testing.T, test func(*testing.T, store.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memory(t)) })
	t.Run("redis", func(t *testing.T) {
		st, err := redisstore.Open(t.Context(), redistest.Shared(t).URL(redistest.Namespace(t)))
		must(t, err)
		t.Cleanup(func() { _ = st.Close() })
		test(t, st)
	})
}

func TestLife(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		tokens := auth.New(st, auth.Options{})
		text, kept, err := tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser, Unix: "ana1", Expires: time.Hour})
		must(t, err)
		other := auth.New(st, auth.Options{}) // another server
		for _, server := range []*auth.Tokens{tokens, other} {
			who, err := server.Check(t.Context(), text)
			if err != nil || who.User != "ana" || who.Unix != "ana1" || who.Role != auth.RoleUser || who.Token != kept.ID {
				t.Fatalf("got %+v, %v", who, err)
			}
		}
		list, err := tokens.List(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != kept.ID {
			t.Errorf("listed %+v, %v", list, err)
		}
		users, err := tokens.Users(t.Context())
		if err != nil || len(users) != 1 || users[0].Unix != "ana1" {
			t.Errorf("users %+v, %v", users, err)
		}
		must(t, tokens.Revoke(t.Context(), kept.ID))
		if _, err := tokens.Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("revoked here: %v", err)
		}
		if _, err := auth.New(st, auth.Options{}).Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("revoked, asked on a fresh server: %v", err)
		}
		if err := tokens.Revoke(t.Context(), kept.ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
	})
}

// TestSecretsStayOut: no record holds a token's text.
func TestSecretsStayOut(t *testing.T) {
	st := memory(t)
	tokens := auth.New(st, auth.Options{})
	text, kept, err := tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
	must(t, err)
	answer, err := st.Read(t.Context(), store.Query{Keys: []string{"auth:token:" + kept.ID, "auth:user:ana"}})
	must(t, err)
	secret := strings.Split(text, "_")[3]
	for _, r := range answer.Records {
		if r.Version == 0 || strings.Contains(string(r.Value), secret) {
			t.Errorf("record %q", r.Value)
		}
	}
}

func TestExpiry(t *testing.T) {
	tokens := auth.New(memory(t), auth.Options{})
	text, _, err := tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser, Expires: time.Microsecond})
	must(t, err)
	if _, err := tokens.Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("expired: %v", err)
	}
}

// TestIDAloneProvesNothing: an id that lists show, with another secret.
func TestIDAloneProvesNothing(t *testing.T) {
	st := memory(t)
	tokens := auth.New(st, auth.Options{})
	_, kept, err := tokens.Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleAdmin})
	must(t, err)
	for range 200 {
		forged, id := token.New("admin")
		if _, err := tokens.Check(t.Context(), strings.Replace(forged, id, kept.ID, 1)); !errors.Is(err, auth.ErrUnauthorized) {
			t.Fatalf("forged: %v", err)
		}
	}
}

func TestRefusedWishes(t *testing.T) {
	tokens := auth.New(memory(t), auth.Options{})
	for _, w := range []auth.Wanted{
		{Role: auth.RoleUser},
		{User: "ana"},
		{User: "ana", Role: "root"},
		{User: "ana", Role: auth.RoleAttempt},
		{User: "a b", Role: auth.RoleUser},
		{User: "-a", Role: auth.RoleUser},
		{User: "a:b", Role: auth.RoleUser},
		{User: strings.Repeat("a", 65), Role: auth.RoleUser},
		{User: "ana", Role: auth.RoleUser, Unix: "../x"},
		{User: "ana", Role: auth.RoleUser, Expires: -time.Hour},
	} {
		if _, _, err := tokens.Create(t.Context(), w); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

func TestBootstrap(t *testing.T) {
	st := memory(t)
	data := t.TempDir()
	path, written, err := auth.New(st, auth.Options{}).Bootstrap(t.Context(), data)
	if err != nil || !written || path != filepath.Join(data, "admin.token") {
		t.Fatalf("first start: %s, %v, %v", path, written, err)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	text, err := os.ReadFile(path)
	must(t, err)
	who, err := auth.New(st, auth.Options{}).Check(t.Context(), strings.TrimSpace(string(text)))
	if err != nil || who.Role != auth.RoleAdmin {
		t.Errorf("the file's token: %+v, %v", who, err)
	}
	for _, folder := range []string{data, t.TempDir()} { // again, and a second server on the same store
		if _, written, err := auth.New(st, auth.Options{}).Bootstrap(t.Context(), folder); written || err != nil {
			t.Errorf("a later start: %v, %v", written, err)
		}
	}
}

// TestBootstrapAfterACrash: the token was kept, the file had not its name yet.
func TestBootstrapAfterACrash(t *testing.T) {
	st := memory(t)
	data := t.TempDir()
	path, _, err := auth.New(st, auth.Options{}).Bootstrap(t.Context(), data)
	must(t, err)
	must(t, os.Rename(path, path+".new"))
	if _, written, err := auth.New(st, auth.Options{}).Bootstrap(t.Context(), data); !written || err != nil {
		t.Errorf("the next start: %v, %v", written, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
