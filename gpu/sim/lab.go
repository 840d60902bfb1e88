package sim

import (
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// lab is what a spec or a file describes. Nobody changes one once it is made.
type lab struct {
	driver  driver
	devices []device // in their order; a gone one keeps its place
	links   []gpu.Link
	// xids are all that the file lists; what is new among them is told.
	xids []gpu.Event
	// bare are the GPUs in MIG mode without slices.
	bare []string
}

// driver is what a file says of the driver as a whole.
type driver struct {
	version, cuda string
	down          string // why it cannot be asked, "" if it can
	hang          time.Duration
	warnings      []string
	load          uint64 // grows whenever it was loaded anew
}

// firstLoad is what a file that does not say so means: the same over restarts of
// the agent, for which this driver was loaded once.
const firstLoad = 1

// device is one that can be leased: a GPU, or a slice of one.
type device struct {
	gpu.Device
	name   string
	sample gpu.Sample // but for its time
	hang   time.Duration
}

// gone: the driver does not list it.
func (d *device) gone() bool { return d.sample.Fault == gpu.FaultGone }

// find gives the device with this UUID, nil if the lab has none.
func (l *lab) find(uuid string) *device {
	for i := range l.devices {
		if l.devices[i].UUID == uuid {
			return &l.devices[i]
		}
	}
	return nil
}

// lists reports whether the driver lists a device.
func (l *lab) lists(uuid string) bool {
	d := l.find(uuid)
	return d != nil && !d.gone()
}

// listed are the devices that the driver lists.
func (l *lab) listed() []gpu.Device {
	list := make([]gpu.Device, 0, len(l.devices))
	for i := range l.devices {
		if !l.devices[i].gone() {
			list = append(list, l.devices[i].Device)
		}
	}
	return list
}

// news is pure: what a driver would tell of a change from one lab to the next.
// An Xid that stands in the file once more than before is told.
func news(before, after *lab) []gpu.Event {
	old := map[gpu.Event]int{}
	for _, e := range before.xids {
		old[e]++
	}
	var told []gpu.Event
	for _, e := range after.xids {
		if old[e] > 0 {
			old[e]--
			continue
		}
		told = append(told, e)
	}
	if !slices.Equal(before.listed(), after.listed()) || !slices.Equal(before.links, after.links) {
		told = append(told, gpu.Event{GI: -1, CI: -1, Changed: true})
	}
	return told
}
