package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/internal/filled"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestOfferOnTheWire: of what an agent offers nothing is lost but what only a
// report has, and a function that stays with the agent.
func TestOfferOnTheWire(t *testing.T) {
	t.Parallel()
	want := filled.With[scheduler.Offer]()
	wire := WireOffer(&want, 7)
	got := wire.offer(want.Host)
	want.WorkDirOK = nil
	want.Consumer, want.Serves, want.ServesAll = "", nil, false // no agent's
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	empty := WireOffer(&scheduler.Offer{}, 7)
	if diff := cmp.Diff(scheduler.Offer{Devices: []scheduler.OfferedDevice{}, Environments: []scheduler.Environment{}}, empty.offer("")); diff != "" {
		t.Error(diff)
	}
}
