package agent

// HangRenewals makes the next renewal wait, as one would that hangs, until release.
func (a *Agent) HangRenewals() (release func()) {
	a.renewing.Lock()
	return a.renewing.Unlock
}
