package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestOwnToken: the token in the file is that of the host that runs now, or another is
// made, also where an older build called it "agent"; the one before it ends.
func TestOwnToken(t *testing.T) {
	t.Parallel()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	tokens, path := auth.New(st, auth.Options{}), filepath.Join(t.TempDir(), "agent.token")
	var before string
	for _, c := range []struct {
		host string
		anew bool
	}{{"agent", true}, {"agent", false}, {"gpu1", true}, {"gpu1", false}} {
		text, err := ownToken(t.Context(), zerolog.Nop(), tokens, path, auth.Wanted{User: c.host, Role: auth.RoleAgent})
		if err != nil {
			t.Fatal(err)
		}
		who, err := tokens.Check(t.Context(), text)
		if err != nil || who.User != c.host || (text != before) != c.anew {
			t.Errorf("for %s: the token of %q, %v, anew: %v", c.host, who.User, err, text != before)
		}
		kept, err := os.ReadFile(path)
		if err != nil || string(kept) != text+"\n" {
			t.Errorf("for %s the file has another token: %v", c.host, err)
		}
		if _, err := tokens.Check(t.Context(), before); c.anew && before != "" && !errors.Is(err, auth.ErrUnauthorized) {
			t.Errorf("for %s: the token before is still good: %v", c.host, err)
		}
		before = text
	}
}
