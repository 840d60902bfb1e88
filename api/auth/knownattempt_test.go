package auth_test

import (
	"testing"

	"github.com/mlq-dev/mlq/api/auth"
)

// TestKnownAttempt: a stream that asks again believes only what was read a moment ago, that
// the token of a job's agent is good too: else it outlives its revocation by what is remembered.
func TestKnownAttempt(t *testing.T) {
	ring := ringOf(1)
	tokens := auth.New(memory(t), auth.Options{Ring: ring})
	secret := auth.SignOwnAttempt(ring, 53, "claim")
	if _, known := tokens.KnownAttempt(secret, auth.CacheFor); known {
		t.Error("nobody has shown it")
	}
	if err := tokens.CheckAttempt(t.Context(), secret, "here", "claim", auth.Identity{User: "ana", Job: 53}); err != nil {
		t.Fatal(err)
	}
	if who, known := tokens.KnownAttempt(secret, auth.CacheFor); !known || who.User != "ana" {
		t.Errorf("%+v, %v", who, known)
	}
	if _, known := tokens.KnownAttempt(secret, 0); known {
		t.Error("what was read before is believed")
	}
}
