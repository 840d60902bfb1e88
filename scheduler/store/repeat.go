package store

// safeToRepeat reports whether applying the commit a second time is harmless:
// it only sets things, or it falsifies one of its own guards, so that the
// second time can only answer conflict.
func (c Commit) safeToRepeat() bool {
	if !c.accumulates() {
		return true
	}
	last := c.lastWrites()
	for _, g := range c.Guards {
		if e, written := last[g.Key]; written && g.Kind == GuardVersion && falsifies(e, g) {
			return true
		}
	}
	return false
}

// accumulates reports whether an effect does more each time it is applied.
func (c Commit) accumulates() bool {
	for _, e := range c.Effects {
		switch e.Kind {
		case EffectAdd, EffectAppend, EffectNotify:
			return true
		}
	}
	return false
}

// lastWrites gives, for each record written, the effect that it is left with.
func (c Commit) lastWrites() map[string]Effect {
	last := make(map[string]Effect, len(c.Effects))
	for _, e := range c.Effects {
		if e.Kind == EffectPut || e.Kind == EffectDelete {
			last[e.Key] = e
		}
	}
	return last
}

// falsifies reports whether g can never hold again after e. A version is never
// used twice, so any write falsifies one; absence ends only with a put that the
// store will not forget.
func falsifies(e Effect, g Guard) bool {
	return g.Version > 0 || e.Kind == EffectPut && e.TTL == 0
}
