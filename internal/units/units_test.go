package units

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for text, want := range map[string]int64{"40GB": 40e9, "16GiB": 16 << 30, "1.5 gib": 3 << 29, "1024": 1024, "80mb": 80e6, "24G": 24e9, "24 g": 24e9, "16Gi": 16 << 30, "512M": 512e6, "7b": 7} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "0.5": time.Second / 2} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "lots", "1e3", "NaN", "0x10", "1.2.3GB", "2000000TB", "G", "iB", "24GG", "24Gb ps"} {
		if n, err := ParseBytes(text); err == nil || err.Error() != WantBytes {
			t.Errorf("ParseBytes(%q) = %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "-1", "-1s", "soon", "1e3", "NaN", "400000d", "d"} {
		if d, err := ParseDuration(text); err == nil || err.Error() != WantDuration {
			t.Errorf("ParseDuration(%q) = %s, %v", text, d, err)
		}
	}
}
