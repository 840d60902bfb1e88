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

// TestRedact: what begins like a token loses its secret, whatever was mistyped before it, and names
// that no token begins like are shown whole.
func TestRedact(t *testing.T) {
	const id, secret, sum = "Ab3dE6gH9j", "0123456789abcdefghijABCDEFGHIJ0123456789abc", "x1Y2z3"
	for text, want := range map[string]string{
		"mlq_user_" + id + "_" + secret + "_" + sum:  "mlq_user_" + id + "_…",
		"mlq_user_" + id + "_01234567":               "mlq_user_" + id + "_…",
		"mlq_attempt_53_1_" + secret + ", then":      "mlq_attempt_53_…, then",
		"mlq_user__" + id + "_" + secret + "_" + sum: "mlq_user__" + id + "_…",
		"mlq__user_" + id + "__" + secret:            "mlq__user_" + id + "__…",
		"mlq_user_" + id + "-" + secret + "-" + sum:  "mlq_user_" + id + "-…",
		"mlq_user_" + id + ".01234567":               "mlq_user_" + id + ".…",
		"mlq_user-" + id + "-" + secret + "-" + sum:  "mlq_user-" + id + "-…",
		"mlq_user_" + id + "–" + secret:              "mlq_user_" + id + "–…",
		"mlq_user_" + id + "%5F" + secret + "&a=b":   "mlq_user_" + id + "_…&a=b",
		"mlq_user_" + id + secret + "_" + sum:        "mlq_user_…",
		"mlq_user" + id + "_" + secret + "_" + sum:   "mlq_…",
		"mlq_" + secret: "mlq_…",
		"mlq_-user_" + id + "_" + secret + "_" + sum:                    "mlq_…",
		"mlq_%5Fuser_" + id + "_" + secret + "_" + sum:                  "mlq__user_" + id + "_…",
		"name=mlq%5Fuser%5F" + id + "%5F" + secret + "%5F" + sum + "&a": "name=mlq_user_" + id + "_…&a",
		"mlq%5fattempt%5f53%5f1%5f" + secret:                            "mlq_attempt_53_…",
		"mlq%5Fuser%5F" + id + "%5F01234567":                            "mlq_user_" + id + "_…",
		`{"user":"mlq_user_` + id + ` ` + secret + `_` + sum + `"}`:     `{"user":"mlq_user_` + id + ` …"}`,
		"mlq_user_" + id + "_" + secret + " mlq_user_" + id + "_12345":  "mlq_user_" + id + "_… mlq_user_" + id + "_…",
	} {
		if got := Redact(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, plain := range []string{
		"mlq_user_" + id, "/tokens/" + id, "mlq_gpu-0.1.0-py3-none-any.whl", "mlq-user-1-gpu-lab", "mlq_jobs", "mlq%5Fjobs", "mlq%20jobs", "mlq_model_v2.bin",
		"/jobs/5/files/mlq_a/" + strings.Repeat("0a", 32), "mlq_user_" + id + ", then another one",
	} {
		if got := Redact(plain); got != plain {
			t.Errorf("%s: %s", plain, got)
		}
	}
}
