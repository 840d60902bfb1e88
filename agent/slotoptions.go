package agent

import (
	"path/filepath"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
)

// slotOptions are those of the slot of one device: the protocol's times as
// distances from the deadline that the slot is told.
func (a *Agent) slotOptions(d gpu.Device) slot.Options {
	o := slot.DefaultOptions()
	o.Device, o.Dir = d.UUID, filepath.Join(a.opts.DataDir, "slots", d.UUID)
	o.Log, o.Version = a.opts.Log, a.opts.Version
	o.Spool, o.Runner, o.Preload = a.spool, a.runner, a.opts.Preload
	for _, e := range a.environments {
		if e.Problem == "" {
			o.Python = e.Path // the first one is the usual one
			break
		}
	}
	o.TermBefore = a.timing.Believe - a.timing.Term
	o.KillBefore = a.timing.Believe - a.timing.Kill
	o.WatchEvery = min(time.Second, o.KillBefore/5)
	return o
}
