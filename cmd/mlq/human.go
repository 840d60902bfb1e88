package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ago is a time's distance from now, short enough for a column.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return short(now.Sub(t))
}

// in is the distance of a time to come.
func in(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return short(t.Sub(now))
}

// short rounds a duration to its leading unit or two: "3s", "4m10s", "2h5m", "3d4h".
func short(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return sign + strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return sign + strconv.FormatInt(int64(d.Seconds()), 10) + "s"
	case d < time.Hour:
		return sign + fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return sign + fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return sign + fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// size writes bytes in the units that people use for memory.
func size(bytes int64) string {
	if bytes < 1024 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len("KMGTP") {
		value /= 1024
		unit++
	}
	text := strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0")
	return text + " " + "KMGTP"[unit-1:unit] + "iB"
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
