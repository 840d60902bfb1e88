package agent

import (
	"errors"
	"testing"
	"time"
)

// TestOutageTellsThePresentCause: one line for each cause, and one in five minutes while it goes on.
func TestOutageTellsThePresentCause(t *testing.T) {
	t.Parallel()
	const noRoute, revoked = "no route to host", "the token was revoked"
	start := time.Unix(1_800_000_000, 0)
	var o outage
	for _, c := range []struct {
		after time.Duration
		err   string
		want  bool
	}{
		{0, noRoute, true},
		{time.Second, noRoute, false},
		{2 * time.Second, revoked, true},
		{3 * time.Second, noRoute, false}, // they alternate
		{4 * time.Second, revoked, false},
		{5 * time.Second, "read tcp 10.0.0.2:43512->10.0.0.1:8300: connection reset by peer", true},
		{6 * time.Second, "read tcp 10.0.0.2:51900->10.0.0.1:8300: connection reset by peer", false},
		{7 * time.Second, "no space left on device", true},
		{5*time.Minute - time.Second, noRoute, false},
		{5 * time.Minute, noRoute, true},
		{5*time.Minute + time.Second, noRoute, false},
		{5*time.Minute + 2*time.Second, revoked, true},
	} {
		if got := o.fails(errors.New(c.err), start.Add(c.after)); got != c.want {
			t.Errorf("%s after %s: told %v, want %v", c.err, c.after, got, c.want)
		}
	}
	if lasted, was := o.ends(start.Add(time.Hour)); !was || lasted != time.Hour {
		t.Errorf("it ended after %s, %v", lasted, was)
	}
	if _, was := o.ends(start.Add(time.Hour)); was || !o.fails(errors.New(noRoute), start.Add(time.Hour)) {
		t.Error("the next outage is not told as one")
	}
}
