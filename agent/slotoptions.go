package agent

import (
	"path/filepath"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/devicefile"
)

// slotOptions are those of the slot of one device: the protocol's times as
// distances from the deadline that the slot is told.
func (a *Agent) slotOptions(uuid string) slot.Options {
	o := slot.DefaultOptions()
	o.Device, o.Dir = uuid, a.slotDir(uuid)
	o.Log, o.Version = a.opts.Log, a.opts.Version
	o.Spool, o.Runner, o.Preload = a.spool, a.runner, a.opts.Preload
	o.Python = a.environments.usual()
	o.TermBefore = a.timing.Believe - a.timing.Term
	o.KillBefore = a.timing.Believe - a.timing.Kill
	o.WatchEvery = min(time.Second, o.KillBefore/5)
	return o
}

// slotDir is the folder of a device's slot.
func (a *Agent) slotDir(uuid string) string {
	return filepath.Join(a.opts.DataDir, "slots", devicefile.Name(uuid))
}
