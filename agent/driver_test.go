package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/rs/zerolog"
)

// Which devices there are is unknown while the driver cannot tell, and for minutes
// where it lists none.
func TestUnlisted(t *testing.T) {
	const never = time.Duration(1<<63 - 1) // since the zero time
	for _, c := range []struct {
		name    string
		listed  bool
		why     string
		devices int
		answers time.Duration
		want    string
	}{
		{"it lists some", true, "", 2, 0, ""},
		{"it has not started", false, "not loaded", 0, never, "not loaded"},
		{"it has not started, and some are remembered", false, "not loaded", 2, never, "not loaded"},
		{"it fails after it listed some", true, "not loaded", 2, never, ""},
		{"it fails after it listed none", true, "not loaded", 0, never, "not loaded"},
		{"it lists none, early", true, "", 0, noneYet - 1, listsNone},
		{"it lists none, and goes on", true, "", 0, noneYet, ""},
	} {
		if got := unlisted(c.listed, c.why, c.devices, c.answers); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	var d driver
	d.can(gpu.Info{}, nil, zerolog.Nop())
	d.told()
	if got := d.unlisted(0); got != listsNone {
		t.Errorf("a driver that just came up: %q", got)
	}
	d.answers = d.answers.Add(-noneYet)
	d.can(gpu.Info{}, nil, zerolog.Nop())
	if got := d.unlisted(0); got != "" {
		t.Errorf("a driver that lists none for minutes: %q", got)
	}
	d.cannot(errors.New("away"), zerolog.Nop())
	d.can(gpu.Info{}, nil, zerolog.Nop())
	if got := d.unlisted(0); got != listsNone {
		t.Errorf("a driver that came up again: %q", got)
	}
}
