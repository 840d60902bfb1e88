package fuzzseed_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// tried counts what FuzzTried was given.
var tried = map[string]bool{}

// FuzzTried is a target like any other.
func FuzzTried(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte("seed"), "text", 5, uint64(7), true, byte(1))
	f.Fuzz(func(_ *testing.T, b []byte, s string, n int, u uint64, yes bool, c byte) {
		tried[fmt.Sprintf("%q %q %d %d %t %d", b, s, n, u, yes, c)] = true
	})
}

// TestMain looks, when all have run, whether the seed was not the only one. Of 20 changed
// ones some 16 differ; that fewer than six do by chance is one run in many millions. Tests
// by name leave FuzzTried out.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := len(tried); n > 0 && n < 6 {
		fmt.Println("of one seed only", n, "inputs were made")
		code = 1
	}
	os.Exit(code)
}
