package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// hooked is a store where something happens once, between the read of a record and
// whatever is done about it.
type hooked struct {
	store.Store
	key   string
	after func()
	done  atomic.Bool
}

// Read implements store.Store.
func (h *hooked) Read(ctx context.Context, q store.Query) (store.Answer, error) {
	a, err := h.Store.Read(ctx, q)
	if slices.Contains(q.Keys, h.key) && h.done.CompareAndSwap(false, true) {
		h.after()
	}
	return a, err
}

// TestRevokedWhileRead: a token that is revoked while a request with it reads its record
// is not remembered by that request.
func TestRevokedWhileRead(t *testing.T) {
	st := memory(t)
	text, kept, err := auth.New(st, auth.Options{}).Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
	must(t, err)
	hooked := &hooked{Store: st, key: "auth:token:" + kept.ID}
	tokens := auth.New(hooked, auth.Options{})
	hooked.after = func() { must(t, tokens.Revoke(t.Context(), kept.ID)) }
	if _, err := tokens.Check(t.Context(), text); err != nil {
		t.Fatalf("it came before the revocation: %v", err)
	}
	if who, err := tokens.Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("after the revocation: %+v, %v", who, err)
	}
}

// TestManyUsers: all are listed, and signed anew, however many there are.
func TestManyUsers(t *testing.T) {
	const many = 2001 // more than two pages
	st, old := memory(t), ringOf(1)
	tokens := auth.New(st, auth.Options{Ring: old})
	for i := range many {
		_, err := tokens.SetUser(t.Context(), fmt.Sprintf("user%04d", i), auth.Change{}, true)
		must(t, err)
	}
	next := auth.New(st, auth.Options{Ring: ringOf(2, old.First())})
	if n, refused, err := next.SignAll(t.Context(), false); n != many || refused != 0 || err != nil {
		t.Fatalf("signed %d, left %d, %v", n, refused, err)
	}
	users, err := auth.New(st, auth.Options{Ring: ringOf(2)}).Users(t.Context())
	if err != nil || len(users) != many || users[0].Name != "user0000" || users[many-1].Name != "user2000" {
		t.Errorf("listed %d, %v", len(users), err)
	}
}

// TestSlowReads: what a slow store answered is believed from before it was asked, also
// where another server revoked the token between the reads of the token and its user.
func TestSlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memory(t)
		text, kept, err := auth.New(st, auth.Options{}).Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
		must(t, err)
		other := auth.New(st, auth.Options{})
		slow := &hooked{Store: st, key: "auth:token:" + kept.ID, after: func() {
			must(t, other.Revoke(t.Context(), kept.ID))
			<-time.After(3 * time.Second)
		}}
		tokens := auth.New(slow, auth.Options{})
		if _, err := tokens.Check(t.Context(), text); err != nil {
			t.Fatalf("it came before the revocation: %v", err)
		}
		if err := tokens.Recheck(t.Context(), text, time.Second); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("asked again for what is younger than a second: %v", err)
		}
		<-time.After(auth.CacheFor - 3*time.Second)
		if who, err := tokens.Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("%s after the revocation: %+v, %v", auth.CacheFor, who, err)
		}
	})
}
