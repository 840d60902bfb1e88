package slot

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/rs/zerolog"
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
		err = a.slot.stable.emptyPen(ctx, a.child.pen)
	}
	return err
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
	if a.group != nil {
		removeGroup(a.group, a.log)
	}
}

// removeGroup removes a group in which nothing is alive any more. One that stays is in
// nobody's way.
func removeGroup(g *isolation.Group, log zerolog.Logger) {
	if err := g.Remove(); err != nil {
		log.Warn().Err(err).Msg("a control group stays")
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
	removeGroup(g, s.log)
	return nil
}
