package units

import (
	"strconv"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

// FuzzParseBytes: a size is within its limits, and the same when it is written as bytes.
func FuzzParseBytes(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, text := range []string{"40GB", "24G", "16GiB", "16Gi", "1.5 GiB", "1024", "0", "-1", "1e9", ".", "1.", "١", "0x10", "9999999999999999999"} {
		seeds.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseBytes(text)
		if err != nil {
			return
		}
		if n < 1 || n > 1<<50 {
			t.Fatalf("%q is %d bytes", text, n)
		}
		if again, err := ParseBytes(strconv.FormatInt(n, 10)); err != nil || again != n {
			t.Fatalf("%q is %d, and that is %d, %v", text, n, again, err)
		}
	})
}

// FuzzParseDuration: a time is within its limits, and the same when Go writes it.
func FuzzParseDuration(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, text := range []string{"90s", "2h", "1h30m", "7d", "90", "0.5", "-1s", "1e3", "NaN", "Inf", "3650d", "3651d", "9223372036s", "+5s", "1.5d", "5 s"} {
		seeds.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if d < 0 || d > maxDuration {
			t.Fatalf("%q is %v", text, d)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q is %v, and that is %v, %v", text, d, again, err)
		}
	})
}
