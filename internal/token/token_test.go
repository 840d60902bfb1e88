package token

import (
	"strings"
	"testing"
)

func TestNewParses(t *testing.T) {
	text, id := New("user")
	if got, ok := Parse(text); !ok || got != id {
		t.Fatalf("Parse(%q) = %q, %v; want %q", text, got, ok, id)
	}
	if !strings.HasPrefix(text, "mlq_user_"+id+"_") || len(text) > MaxLength {
		t.Errorf("form of %q", text)
	}
	if other, _ := New("user"); other == text {
		t.Error("two tokens are equal")
	}
}

func TestParseRefuses(t *testing.T) {
	text, _ := New("admin")
	typo := []byte(text)
	typo[20] ^= 1
	for _, bad := range []string{
		"", "mlq", string(typo), text[:len(text)-1], text + "0", "Bearer " + text,
		strings.Replace(text, "mlq_", "MLQ_", 1), strings.Repeat("_", 4), strings.Repeat("a", 10_000),
	} {
		if _, ok := Parse(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestAttempt(t *testing.T) {
	secret := NewSecret()
	job, n, got, ok := ParseAttempt(Attempt(53, 2, secret))
	if !ok || job != 53 || n != 2 || got != secret {
		t.Fatalf("got %d %d %q %v", job, n, got, ok)
	}
	user, _ := New("user")
	for _, bad := range []string{
		"", user, Attempt(0, 1, secret), Attempt(1, 0, secret), Attempt(1, 1, "short"),
		"mlq_attempt_x_1_" + secret, "mlq_attempt_1_1_1_" + secret,
	} {
		if _, _, _, ok := ParseAttempt(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}
