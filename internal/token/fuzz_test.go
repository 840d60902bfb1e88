package token

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzParse: what is taken for a token is one that New could have made, and for an
// attempt's, the very text that Attempt writes: no token has two spellings. Of all that Redact leaves
// no secret.
func FuzzParse(f *testing.F) {
	seeds := fuzzseed.For(f)
	text, _ := New("user")
	seeds.Add(text)
	seeds.Add(strings.ToUpper(text))
	seeds.Add(Attempt(53, 1, NewSecret()))
	seeds.Add(strings.Replace(Attempt(53, 1, NewSecret()), "_53_", "_+053_", 1))
	seeds.Add("mlq_attempt_0_0_")
	seeds.Add("mlq_user____")
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := Parse(text); ok {
			body, sum, _ := cutLast(text)
			if len(id) != idLength || !plain(id) || sum != checksum(body) || !strings.Contains(text, "_"+id+"_") {
				t.Fatalf("%q is the token %q", text, id)
			}
			hides(t, text, text[len(body)-secretLength:len(body)])
		}
		if job, n, secret, ok := ParseAttempt(text); ok && Attempt(job, n, secret) != text {
			t.Fatalf("%q is written %q", text, Attempt(job, n, secret))
		} else if ok {
			hides(t, text, secret)
		}
	})
}

// hides: however its parts are separated. Other letters no secret has.
func hides(t *testing.T, text, secret string) {
	t.Helper()
	if !plain(secret) {
		return
	}
	for _, separator := range []string{"_", "__", "-", ".", "%5F"} {
		mistyped := "mlq_" + strings.ReplaceAll(strings.TrimPrefix(text, "mlq_"), "_", separator)
		if got := Redact("of " + mistyped + ", "); strings.Contains(got, secret) {
			t.Fatalf("%q is shown as %q", mistyped, got)
		}
	}
}

func cutLast(text string) (before, after string, ok bool) {
	i := strings.LastIndexByte(text, '_')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}
