// Package units reads sizes and durations as people write them: in request
// fields, flags, queries and files.
package units

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// What is wanted, for messages.
const (
	WantBytes    = `want bytes above 0, or a text as "40GB", "24G" or "16GiB"`
	WantDuration = `want seconds, or a text as "90s", "2h" or "1h30m"`
	// maxDuration is what the longest sensible limit may be.
	maxDuration = 10 * 365 * 24 * time.Hour
)

// byteUnits: longer endings first, so that "GiB" is not read as "B".
var byteUnits = []struct {
	ending string
	bytes  float64
}{
	{"kib", 1 << 10},
	{"mib", 1 << 20},
	{"gib", 1 << 30},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"ki", 1 << 10},
	{"mi", 1 << 20},
	{"gi", 1 << 30},
	{"ti", 1 << 40},
	{"k", 1e3},
	{"m", 1e6},
	{"g", 1e9},
	{"t", 1e12},
	{"b", 1},
	{"", 1},
}

// ParseBytes reads "40GB", "24G", "16GiB", "16Gi", "1.5 GiB" or "1024" as bytes, at least 1.
func ParseBytes(text string) (int64, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(lower, u.ending)
		if !ok {
			continue
		}
		n, err := decimal(strings.TrimSpace(number))
		if err != nil || n*u.bytes < 1 || n*u.bytes > 1<<50 {
			return 0, errors.New(WantBytes)
		}
		return int64(math.Round(n * u.bytes)), nil
	}
	return 0, errors.New(WantBytes)
}

// decimal reads digits with at most one point: no sign, exponent, NaN or hex.
func decimal(text string) (float64, error) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}

// ParseDuration reads "90s", "2h", "1h30m", "7d" or seconds ("90", "0.5").
func ParseDuration(text string) (time.Duration, error) {
	if seconds, err := decimal(text); err == nil {
		return fromSeconds(seconds)
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := decimal(days)
		if err != nil {
			return 0, errors.New(WantDuration)
		}
		return fromSeconds(n * 24 * 3600)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDuration {
		return 0, errors.New(WantDuration)
	}
	return d, nil
}

func fromSeconds(n float64) (time.Duration, error) {
	if math.IsNaN(n) || n < 0 || n > maxDuration.Seconds() {
		return 0, errors.New(WantDuration)
	}
	return time.Duration(n * float64(time.Second)), nil
}
