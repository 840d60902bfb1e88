package blob

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNamesIn: what a regular expression finds.
func TestNamesIn(t *testing.T) {
	t.Parallel()
	runs := regexp.MustCompile(`[0-9a-f]{64,}`)
	want := func(text string) (found []string) {
		for _, run := range runs.FindAllString(text, -1) {
			if found = append(found, run[:64]); len(run) > 64 {
				found = append(found, run[len(run)-64:])
			}
		}
		return found
	}
	sum := strings.Repeat("0a9f", 16)
	texts := []string{"", sum, sum[1:], "x" + sum + "y", sum + sum, sum[:63] + "g" + sum, "F" + sum + "0", sum + sum[:63] + `"` + sum}
	for range 1000 {
		var text strings.Builder
		for range 40 {
			text.WriteString(strings.Repeat("0", rand.IntN(70)))
			text.WriteString([]string{"", "/", ":", "`", "g", "A", "é"}[rand.IntN(7)])
		}
		texts = append(texts, text.String())
	}
	for _, text := range texts {
		if got := NamesIn([]byte(text)); !slices.Equal(got, want(text)) {
			t.Errorf("%q: %q", text, got)
		}
	}
}
