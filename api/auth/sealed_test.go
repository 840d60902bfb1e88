package auth_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

func ringOf(n byte, others ...signing.PublicKey) *signing.Ring {
	return signing.NewRing("mlq", signing.NewKey([32]byte{n}), others...)
}

// forge writes a record as somebody who has only the store.
func forge(t *testing.T, st store.Store, key string, change func([]byte) []byte) {
	t.Helper()
	a, err := st.Read(t.Context(), store.Query{Keys: []string{key}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := st.Commit(t.Context(), store.Commit{
		Identity: a.Identity, Effects: []store.Effect{store.Put(key, change(bytes.Clone(a.Records[0].Value)))},
	})
	if err != nil || !r.OK() {
		t.Fatal("not written: ", err, r)
	}
}

func replaced(from, to string) func([]byte) []byte {
	return func(old []byte) []byte { return bytes.Replace(old, []byte(from), []byte(to), 1) }
}

// TestForgedRecords: a token or user that no server has written is as none.
func TestForgedRecords(t *testing.T) {
	onEveryStore(t, func(t *testing.T, st store.Store) {
		tokens := auth.New(st, auth.Options{Ring: ringOf(1)})
		text, kept, err := tokens.Create(t.Context(), auth.Wanted{User: "alice", Role: auth.RoleUser, Unix: "al"})
		if err != nil {
			t.Fatal(err)
		}
		other, otherKept, err := tokens.Create(t.Context(), auth.Wanted{User: "bob", Role: auth.RoleAdmin})
		if err != nil {
			t.Fatal(err)
		}
		fresh := func() *auth.Tokens { return auth.New(st, auth.Options{Ring: ringOf(1)}) }
		genuine := func(key string) func() {
			a, err := st.Read(t.Context(), store.Query{Keys: []string{key}})
			if err != nil {
				t.Fatal(err)
			}
			return func() { forge(t, st, key, func([]byte) []byte { return a.Records[0].Value }) }
		}
		if who, err := fresh().Check(t.Context(), text); err != nil || who.Unix != "al" {
			t.Fatal(who, err)
		}
		theirs, user := "auth:token:"+kept.ID, "auth:user:alice"
		for what, change := range map[string]struct {
			key    string
			change func([]byte) []byte
		}{
			"another role": {theirs, replaced(`"role":"user"`, `"role":"admin"`)},
			"another user": {theirs, replaced(`"user":"alice"`, `"user":"bob"`)},
			"no signature": {theirs, func(old []byte) []byte {
				unsigned, _, _ := bytes.Cut(old, []byte(`,"sig"`))
				return append(unsigned, '}')
			}},
			"a second signature": {theirs, func(old []byte) []byte { return append(old[:len(old)-1], `,"sig":"AAAA"}`...) }},
			"another account":    {user, replaced(`"unix":"al"`, `"unix":"root"`)},
			"another's record": {user, func([]byte) []byte {
				a, err := st.Read(t.Context(), store.Query{Keys: []string{"auth:user:bob"}})
				if err != nil {
					t.Fatal(err)
				}
				return a.Records[0].Value
			}},
		} {
			back := genuine(change.key)
			forge(t, st, change.key, change.change)
			if who, err := fresh().Check(t.Context(), text); !errors.Is(err, auth.ErrUnauthorized) {
				t.Errorf("%s: %+v, %v", what, who, err)
			}
			if who, err := fresh().Check(t.Context(), other); err != nil || who.User != "bob" {
				t.Errorf("%s: others are %+v, %v", what, who, err)
			}
			if all, err := fresh().List(t.Context()); change.key == theirs && (err != nil || len(all) != 1 || all[0].ID != otherKept.ID) {
				t.Errorf("%s: listed %+v, %v", what, all, err)
			}
			back()
		}
		// An admin who sets the user anew mends it.
		forge(t, st, user, replaced(`"unix":"al"`, `"unix":"root"`))
		if found, err := fresh().User(t.Context(), "alice"); !errors.Is(err, auth.ErrNoUser) {
			t.Errorf("a forged user is shown: %+v, %v", found, err)
		}
		if found, err := fresh().SetUser(t.Context(), "alice", auth.Change{}, false); !errors.Is(err, auth.ErrNoUser) {
			t.Errorf("a forged user is changed: %+v, %v", found, err)
		}
		if _, err := fresh().SetUser(t.Context(), "alice", auth.Change{}, true); err != nil {
			t.Fatal(err)
		}
		if who, err := fresh().Check(t.Context(), text); err != nil || who.Unix != "" {
			t.Errorf("set anew: %+v, %v", who, err)
		}
	})
}

// TestForgedCode: nobody joins with a code that they wrote.
func TestForgedCode(t *testing.T) {
	st := memory(t)
	tokens := auth.New(st, auth.Options{Ring: ringOf(1)})
	hash := token.Hash("gpu1:theirs")
	forge(t, st, "auth:host:gpu1", func([]byte) []byte {
		return fmt.Appendf(nil, `{"host":"gpu1","code_sha256":"%s","expires":"2099-01-01T00:00:00Z"}`, base64.StdEncoding.EncodeToString(hash[:]))
	})
	own, _ := token.New("agent")
	if _, err := tokens.Join(t.Context(), "gpu1:theirs", own, anyHost); !errors.Is(err, auth.ErrCode) {
		t.Errorf("joined: %v", err)
	}
}

// TestSignedAnew: records go over to a new key, unsigned ones only where that was ordered;
// a server without the store's key is told.
func TestSignedAnew(t *testing.T) {
	st := memory(t)
	before, old := auth.New(st, auth.Options{}), ringOf(1)
	legacy, _, err := before.Create(t.Context(), auth.Wanted{User: "gpu1", Role: auth.RoleAgent})
	if err != nil {
		t.Fatal(err)
	}
	signed := auth.New(st, auth.Options{Ring: old})
	text, _, err := signed.Create(t.Context(), auth.Wanted{User: "bob", Role: auth.RoleUser})
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone := auth.New(st, auth.Options{Ring: ringOf(2)})
	if err := alone.Bind(t.Context()); !errors.Is(err, auth.ErrOtherKey) {
		t.Errorf("a server with another key: %v", err)
	}
	if id, err := auth.SignedBy(t.Context(), st); err != nil || id != old.First().ID() {
		t.Errorf("signed by %q, %v", id, err)
	}
	next := auth.New(st, auth.Options{Ring: ringOf(2, old.First())})
	if err := next.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := alone.Bind(t.Context()); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if n, refused, err := next.SignAll(t.Context(), false); n != 2 || refused != 1 || err != nil {
		t.Errorf("signed %d, left %d, %v", n, refused, err)
	}
	if _, err := alone.Check(t.Context(), text); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	if _, err := alone.Check(t.Context(), legacy); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("a token of before: %v", err)
	}
	if n, refused, err := next.SignAll(t.Context(), true); n != 1 || refused != 0 || err != nil {
		t.Errorf("adopted %d, left %d, %v", n, refused, err)
	}
	if who, err := alone.Check(t.Context(), legacy); err != nil || who.User != "gpu1" {
		t.Errorf("adopted: %+v, %v", who, err)
	}
	// Seen once with its text, the server knows by which key its jobs' tokens are signed.
	secret := auth.SignAttempt(legacy, 53, "claim")
	if err := alone.CheckAttempt(t.Context(), secret, "gpu1", "claim", auth.Identity{Job: 53}); err != nil {
		t.Errorf("the token of its job: %v", err)
	}
}

// TestSignedAnewWhileWritten: a record that a server which signs with the old key yet
// writes meanwhile is signed anew all the same.
func TestSignedAnewWhileWritten(t *testing.T) {
	st, old := memory(t), ringOf(1)
	writer := auth.New(st, auth.Options{Ring: old})
	if _, err := writer.SetUser(t.Context(), "ana", auth.Change{}, true); err != nil {
		t.Fatal(err)
	}
	seven := 7
	hooked := &hooked{Store: st, key: "auth:user:ana", after: func() {
		if _, err := writer.SetUser(t.Context(), "ana", auth.Change{MaxQueued: &seven}, false); err != nil {
			t.Error(err)
		}
	}}
	if n, refused, err := auth.New(hooked, auth.Options{Ring: ringOf(2, old.First())}).SignAll(t.Context(), false); n != 1 || refused != 0 || err != nil {
		t.Fatal(n, refused, err)
	}
	if user, err := auth.New(st, auth.Options{Ring: ringOf(2)}).User(t.Context(), "ana"); err != nil || user.MaxQueued != 7 {
		t.Errorf("by the new key alone: %+v, %v", user, err)
	}
}

// TestAttemptSecrets: a job's token is that of its job, claim and host, and was made by
// that host's agent.
func TestAttemptSecrets(t *testing.T) {
	st, ring := memory(t), ringOf(1)
	tokens := auth.New(st, auth.Options{Ring: ring})
	create := func(user string, role auth.Role) string {
		t.Helper()
		text, _, err := tokens.Create(t.Context(), auth.Wanted{User: user, Role: role})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	agent, other, person := create("gpu1", auth.RoleAgent), create("gpu2", auth.RoleAgent), create("alice", auth.RoleUser)
	secret := auth.SignAttempt(agent, 53, "claim")
	check := func(secret, host, claim string, job int64) error {
		return auth.New(st, auth.Options{Ring: ring}).CheckAttempt(t.Context(), secret, host, claim, auth.Identity{User: "alice", Job: job})
	}
	if job, n, got, ok := token.ParseAttempt(token.Attempt(53, 2, secret)); !ok || job != 53 || n != 2 || got != secret {
		t.Errorf("its text is read as %d %d %q %v", job, n, got, ok)
	}
	for what, err := range map[string]error{
		"as it was made":             check(secret, "gpu1", "claim", 53),
		"of an agent for one device": check(secret, "gpu1@GPU-0", "claim", 53),
		"of dev's own agent":         check(auth.SignOwnAttempt(ring, 53, "claim"), "here", "claim", 53),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"for another job":      check(secret, "gpu1", "claim", 54),
		"for another claim":    check(secret, "gpu1", "claim2", 53),
		"on another host":      check(secret, "gpu2", "claim", 53),
		"by another host":      check(auth.SignAttempt(other, 53, "claim"), "gpu1", "claim", 53),
		"by a person":          check(auth.SignAttempt(person, 53, "claim"), "gpu1", "claim", 53),
		"of before signatures": check(token.NewSecret(), "gpu1", "claim", 53),
		"by another server":    check(auth.SignOwnAttempt(ringOf(2), 53, "claim"), "here", "claim", 53),
	} {
		if !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("%s: %v, want ErrUnauthorized", what, err)
		}
	}
	id, _ := token.Parse(agent)
	if err := tokens.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := check(secret, "gpu1", "claim", 53); !errors.Is(err, auth.ErrUnauthorized) {
		t.Errorf("after the agent's token was revoked: %v", err)
	}
}
