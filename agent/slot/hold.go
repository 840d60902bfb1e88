package slot

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/agent/isolation"
)

// hold puts the waiting child into the control group of its own, if the grant
// names one. A job that cannot be held as its host says does not run.
func (a *attempt) hold(ctx context.Context) (err error) {
	if a.grant.Isolation == nil {
		return nil
	}
	cards := make([]isolation.Card, len(a.grant.Devices))
	for i, d := range a.grant.Devices {
		cards[i] = isolation.Card{Kind: d.Kind, Minor: d.Minor, GI: d.GI, CI: d.CI}
	}
	a.group, err = a.slot.keeper.Hold(ctx, *a.grant.Isolation, a.child.pid, cards)
	if err == nil && a.child.pen != nil {
		// The child has left it; what it has started before it was a job's ends here.
		err = emptyPen(ctx, a.child.pen)
	}
	return err
}

// noteMemory asks what the kernel has counted, as long as there surely is a group:
// systemd removes it when it is empty.
func (a *attempt) noteMemory() {
	if a.group == nil {
		return
	}
	kills, known := a.group.OOMKills()
	if !known { // gone already: then by what the whole host counts
		kills = oomKills() - a.oomBefore
	}
	a.overLimit = kills > 0
}

// limitHit is the job's limit of memory, if it died of that; 0 if not.
func (a *attempt) limitHit() int64 {
	if !a.overLimit {
		return 0
	}
	return a.grant.Isolation.Memory
}

// clearGroup ends all that is in the group, however it was started and whoever
// its parent is.
func (a *attempt) clearGroup(ctx context.Context) error {
	if a.group == nil {
		return nil
	}
	return a.group.Clear(context.WithoutCancel(ctx), func() {
		a.log.Error().Str("group", a.group.Dir()).Msg("processes of the job do not die")
	})
}

// dissolve removes the empty group. Nobody waits for it; one that stays is
// removed when an agent starts.
func (a *attempt) dissolve() {
	if a.group == nil {
		return
	}
	if err := a.group.Remove(); err != nil {
		a.log.Warn().Err(err).Msg("a control group stays")
	}
}

// clearLeftGroup ends what an attempt of a slot that died has in its group:
// nothing that the job has started can be anywhere else.
func (s *slot) clearLeftGroup(ctx context.Context, r *record) error {
	if r.Group == "" || r.Boot != s.boot {
		return nil
	}
	g, err := isolation.Adopt(r.Grant.Isolation, r.Group)
	if err != nil {
		return fmt.Errorf("control group of a lost attempt: %w", err)
	}
	late := func() { s.log.Error().Str("group", r.Group).Msg("processes of a lost job do not die") }
	if err := g.Clear(ctx, late); err != nil {
		return fmt.Errorf("control group of a lost attempt: %w", err)
	}
	return g.Remove()
}
