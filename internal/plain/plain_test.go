package plain

import (
	"strings"
	"testing"
)

func TestLineIsShortAndValid(t *testing.T) {
	got := Line("a\x1b[31m\n" + strings.Repeat("ü", 2000) + "\xff")
	if len(got) > MaxLine || strings.ContainsAny(got, "\x1b\n") || strings.Contains(got, "\uFFFD") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestFirstCutsNoCharacter(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "abc": "abc", "abcd": "abc", "aüü": "aü", "üü": "ü", "€€": "€", "a\xff": "a", "\xff": "\uFFFD",
	} {
		if got := First(text, 3); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
