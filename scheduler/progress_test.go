package scheduler_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestProgressIsBounded: a report that no reader could take is refused; the one
// before it stays, and the job goes on.
func TestProgressIsBounded(t *testing.T) {
	w := newWorld(t, scheduler.DefaultTiming())
	h := w.host("a", 1)
	id := w.submit("ana")
	ref := w.start(h.take(nil))
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for _, good := range []string{
		nested(32), `{"a":` + nested(31) + `}`, `"` + nested(40) + `"`, `"\"` + nested(40) + `"`, `["a]",[1],[2]]`,
		`"` + strings.Repeat("x", 4094) + `"`, "50",
	} {
		w.must(w.s.Progress(w.ctx, ref, good))
		if got := w.job(id).Progress; got != good {
			t.Errorf("%q is kept as %q", good, got)
		}
	}
	for _, bad := range []string{nested(33), `{"a":` + nested(32) + `}`, `["\\",` + nested(32) + `]`, `"` + strings.Repeat("x", 4095) + `"`} {
		if err := w.s.Progress(w.ctx, ref, bad); !errors.As(err, new(*scheduler.FieldError)) {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
	if j := w.succeed(ref); j.State != scheduler.Succeeded || j.Progress != "50" {
		t.Errorf("it is %s, with progress %q", j.State, j.Progress)
	}
}
