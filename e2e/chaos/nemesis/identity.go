package nemesis

import (
	"context"
	"time"
)

// secondAgent is F33: an agent is started beside another of its name, in the same
// folder, and must end by itself.
func secondAgent(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = 0
	var ends func(patience time.Duration) error
	s.inject = func(context.Context) (err error) { ends, err = d.Second(h); return err }
	s.heal = func(context.Context) error {
		if ends == nil {
			return nil
		}
		return ends(10 * time.Second)
	}
	return s
}

// tokenRevoked is F40: the token of an agent is revoked while it runs jobs. Later
// it is started again with another one.
func tokenRevoked(d *draw) *strike {
	h := d.host()
	s := d.onHost(h)
	s.lasts = d.between(d.timing.Expire/2, 2*d.timing.Expire)
	s.inject = func(ctx context.Context) error { return d.Revoke(ctx, h) }
	s.heal = func(ctx context.Context) error { return d.Admit(ctx, h) }
	return s
}
