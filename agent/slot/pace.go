package slot

import (
	"strings"
	"time"
)

// pace lets through the latest of many values, no two closer than every, and
// always the last one.
type pace[T any] struct {
	every time.Duration
	value T
	fresh bool      // value was not taken yet
	after time.Time // it may be taken from then on
	timer *time.Timer
}

func newPace[T any](every time.Duration) *pace[T] {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &pace[T]{every: every, timer: t}
}

// put replaces the value.
func (p *pace[T]) put(v T) {
	p.value, p.fresh = v, true
	if wait := time.Until(p.after); wait > 0 {
		p.timer.Reset(wait)
	}
}

// due becomes readable when a value that had to wait may be taken.
func (p *pace[T]) due() <-chan time.Time { return p.timer.C }

// hurry lets the next value through at once.
func (p *pace[T]) hurry() { p.after = time.Time{} }

// take hands out the value if there is a new one and its time has come.
func (p *pace[T]) take() (T, bool) {
	now := time.Now()
	if !p.fresh || now.Before(p.after) {
		var none T
		return none, false
	}
	p.fresh, p.after = false, now.Add(p.every)
	return p.value, true
}

// lookup finds "name value" in lines of such.
func lookup(text, name string) (string, bool) {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == name {
			return value, true
		}
	}
	return "", false
}
