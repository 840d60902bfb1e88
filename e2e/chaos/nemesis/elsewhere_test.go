package nemesis

import (
	"os"
	"strings"
	"testing"
)

// TestElsewhereIsDocumented: the page of figures names what is not injected, in
// the words of the table.
func TestElsewhereIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range Elsewhere() {
		if !strings.Contains(string(page), "\n- "+line+"\n") {
			t.Errorf("docs/reliability.md lacks this line:\n- %s", line)
		}
	}
}
