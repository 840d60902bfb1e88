package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

func anyHost(string) error { return nil }

// made is a token as a machine makes it.
func made() string {
	text, _ := token.New(string(auth.RoleAgent))
	return text
}

func TestJoin(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		tokens, own := auth.New(st, auth.Options{}), made()
		code, expires, err := tokens.AddHost(t.Context(), "gpu1")
		must(t, err)
		if left := time.Until(expires); left < 14*time.Minute || left > 16*time.Minute {
			t.Errorf("good for %s", left)
		}
		if _, err := tokens.Check(t.Context(), own); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("before it joined: %v", err)
		}
		for range 2 { // the answer of the first was lost
			kept, err := tokens.Join(t.Context(), code, own, anyHost)
			if err != nil || kept.User != "gpu1" || kept.Role != auth.RoleAgent {
				t.Fatalf("joined as %+v, %v", kept, err)
			}
		}
		who, err := tokens.Check(t.Context(), own)
		if err != nil || who.User != "gpu1" || who.Role != auth.RoleAgent {
			t.Errorf("got %+v, %v", who, err)
		}
		if users, err := tokens.Users(t.Context()); err != nil || len(users) != 0 {
			t.Errorf("a host is among the users: %+v, %v", users, err)
		}
		if _, err := tokens.Join(t.Context(), code, made(), anyHost); !errors.Is(err, auth.ErrCodeUsed) {
			t.Errorf("used twice: %v", err)
		}
		if _, _, err := tokens.AddHost(t.Context(), "gpu1"); !errors.Is(err, auth.ErrHostTaken) {
			t.Errorf("added twice: %v", err)
		}
		if ended, err := tokens.RemoveHost(t.Context(), "gpu1"); err != nil || len(ended) != 1 || ended[0] != who.Token {
			t.Errorf("removed %v, %v", ended, err)
		}
		if _, err := tokens.Check(t.Context(), own); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("after it was removed: %v", err)
		}
		if _, err := tokens.Join(t.Context(), code, own, anyHost); !errors.Is(err, auth.ErrCode) {
			t.Errorf("the code of a host that was removed: %v", err)
		}
		if _, err := tokens.RemoveHost(t.Context(), "gpu1"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// TestOneCodeOneJoiner: of many machines with one code, one joins.
func TestOneCodeOneJoiner(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		code, _, err := auth.New(st, auth.Options{}).AddHost(t.Context(), "gpu1")
		must(t, err)
		var all sync.WaitGroup
		joined := make(chan string, 16)
		for range 16 {
			all.Go(func() {
				own := made()
				switch _, err := auth.New(st, auth.Options{}).Join(t.Context(), code, own, anyHost); {
				case err == nil:
					joined <- own
				case !errors.Is(err, auth.ErrCodeUsed):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(joined) != 1 {
			t.Fatalf("%d machines joined with one code", len(joined))
		}
		if _, err := auth.New(st, auth.Options{}).Check(t.Context(), <-joined); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusedCodes(t *testing.T) {
	tokens := auth.New(memory(t), auth.Options{})
	old, _, err := tokens.AddHost(t.Context(), "gpu1")
	must(t, err)
	code, _, err := tokens.AddHost(t.Context(), "gpu1")
	must(t, err)
	for name, wrong := range map[string]string{
		"none": "", "the name alone": "gpu1", "without its end": code[:len(code)-1], "another host's": "gpu2" + code[4:],
		"an older one": old, "no name": code[4:], "an odd name": "a/b" + code[4:],
	} {
		if _, err := tokens.Join(t.Context(), wrong, made(), anyHost); !errors.Is(err, auth.ErrCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	user, _ := token.New(string(auth.RoleUser))
	for _, wrong := range []string{"", "secret", user, made() + "0"} {
		if _, err := tokens.Join(t.Context(), code, wrong, anyHost); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("the token %q: %v", wrong, err)
		}
	}
	lives := errors.New("lives")
	if _, err := tokens.Join(t.Context(), code, made(), func(string) error { return lives }); !errors.Is(err, lives) {
		t.Errorf("a host that is not admitted: %v", err)
	}
	for _, name := range []string{"", "a b", "gpu1@0", "-x", strings.Repeat("a", 65)} {
		if _, _, err := tokens.AddHost(t.Context(), name); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("host %q: %v", name, err)
		}
	}
}

// TestAnotherTokensID: a machine cannot put its token in the place of another one.
func TestAnotherTokensID(t *testing.T) {
	tokens := auth.New(memory(t), auth.Options{})
	first, _, err := tokens.Create(t.Context(), auth.Wanted{User: "gpu1", Role: auth.RoleAgent})
	must(t, err)
	code, _, err := tokens.AddHost(t.Context(), "gpu2")
	must(t, err)
	if _, err := tokens.Join(t.Context(), code, first, anyHost); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if who, err := tokens.Check(t.Context(), first); err != nil || who.User != "gpu1" {
		t.Errorf("the first one's token: %+v, %v", who, err)
	}
}

func TestCodeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, own := auth.New(memory(t), auth.Options{}), made()
		late, _, err := tokens.AddHost(t.Context(), "late")
		must(t, err)
		lost, _, err := tokens.AddHost(t.Context(), "lost")
		must(t, err)
		_, err = tokens.Join(t.Context(), lost, own, anyHost)
		must(t, err)
		<-time.After(auth.CodeFor)
		if _, err := tokens.Join(t.Context(), late, made(), anyHost); !errors.Is(err, auth.ErrCodeExpired) {
			t.Errorf("after %s: %v", auth.CodeFor, err)
		}
		if _, err := tokens.Join(t.Context(), lost, own, anyHost); err != nil {
			t.Errorf("the repeat of one that joined in time: %v", err)
		}
	})
}

// TestRemoveHostWithDevices: tokens that were made by hand for agents of some of a
// host's devices end with the host, and no others.
func TestRemoveHostWithDevices(t *testing.T) {
	tokens := auth.New(memory(t), auth.Options{})
	for _, name := range []string{"gpu1@0", "gpu10", "gpu10@0"} {
		_, _, err := tokens.Create(t.Context(), auth.Wanted{User: name, Role: auth.RoleAgent})
		must(t, err)
	}
	if ended, err := tokens.RemoveHost(t.Context(), "gpu1"); err != nil || len(ended) != 1 {
		t.Errorf("ended %v, %v", ended, err)
	}
}
