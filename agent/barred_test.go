package agent

import (
	"strconv"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

func TestBarredIsBoundedAndForgotten(t *testing.T) {
	var b barred
	now := time.Now()
	b.note("/b", "ana", false, now)
	b.note("/a", "", false, now)
	b.note("/a", "", false, now.Add(barredFor))
	if got := b.list(now.Add(barredFor + 1)); len(got) != 1 || got[0] != (scheduler.Barred{Dir: "/a"}) {
		t.Errorf("what was not asked for again is told still: %v", got)
	}
	if b.note("/a", "", true, now); len(b.list(now)) != 0 {
		t.Error("what may be entered now is told still")
	}
	for i := range 2 * maxBarred {
		b.note("/"+strconv.Itoa(i), "", false, now)
	}
	if got := b.list(now); len(got) != maxBarred {
		t.Errorf("%d are told", len(got))
	}
}
