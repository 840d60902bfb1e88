package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/devicefile"
)

// relicPatience bounds how long a slot of a device that is not listed is asked.
const relicPatience = 5 * time.Second

// findRelics finds the slots of devices that are not listed (any more): other
// slices, a list that was shorter, a driver that was up then. One without a job
// is ended. One with a job gets its line, so that the job is adopted like any
// other; its device is as good as gone. So does one that does not answer, on a machine under
// load: else its job would run on, while the join tells the store that it does not.
func (a *Agent) findRelics(ctx context.Context) {
	folders, err := os.ReadDir(filepath.Join(a.opts.DataDir, "slots"))
	if err != nil {
		a.warn(ctx, err, "cannot look for slots of an earlier agent")
		return
	}
	for _, folder := range folders {
		uuid := devicefile.UUID(folder.Name())
		if a.lines.of(uuid) != nil {
			continue
		}
		busy, err := a.relic(ctx, uuid)
		if err != nil {
			a.warn(ctx, fmt.Errorf("device %s: %w", uuid, err), "cannot ask a slot of an earlier agent, which may have a job")
		}
		if busy {
			a.opts.Log.Warn().Str("device", uuid).Msg("a job runs in the slot of a device that is not listed any more")
		}
		if busy || err != nil {
			a.fleet.addRelic(a.former(uuid))
			a.lines.add(a.newLink(uuid))
		}
	}
}

// relic ends an idle slot, and reports whether there is a busy one.
func (a *Agent) relic(ctx context.Context, uuid string) (busy bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, relicPatience)
	defer cancel()
	if err := slot.Retire(ctx, a.slotDir(uuid)); err != nil {
		return false, err
	}
	c, err := slot.Connect(ctx, a.slotDir(uuid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return c.State().Attempt != nil, c.Close()
}

// former is what an earlier run knew of a device.
func (a *Agent) former(uuid string) gpu.Device {
	for _, d := range a.was.Devices {
		if d.Device.UUID == uuid {
			return d.Device
		}
	}
	return gpu.Device{UUID: uuid, Kind: gpu.KindGPU}
}

// addRelic adds a device that is only known for what runs in its slot.
func (f *fleet) addRelic(d gpu.Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(d).remembered = true
}
