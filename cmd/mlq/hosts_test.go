package main

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

func TestNoteOf(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]api.Host{
		"":                 {},
		"root: new driver": {DrainedBy: "root: new driver"},
		"its clock is 1h0m ahead of the server's":               {ClockAhead: 3600},
		"root: new driver; its clock is 5s behind the server's": {DrainedBy: "root: new driver", ClockAhead: -5},
	} {
		if got := noteOf(&h, time.Now()); got != want {
			t.Errorf("%+v: %q, want %q", h, got, want)
		}
	}
}

func TestNoteOfADriver(t *testing.T) {
	now := time.Now()
	for want, h := range map[string]*api.Host{
		"root; its GPU driver was taken away by root: new driver": {DrainedBy: "root", Detached: &api.Signed{By: "root: new driver"}, GPU: &api.Driver{Problem: "detached"}},
		"no driver; its clock is 2s behind the server's":          {GPU: &api.Driver{Problem: "no driver"}, ClockAhead: -2},
		"": {GPU: &api.Driver{Driver: "580"}},
	} {
		if got := noteOf(h, now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
