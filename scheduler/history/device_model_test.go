package history_test

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/mlq-dev/mlq/scheduler"
)

// device is the model of a device: it has one lease at a time, with a fence
// above all that it had before.
type device struct {
	job   scheduler.JobID // 0: it is free
	fence uint64          // its last
	past  string          // the leases that are over: " job:fence "
}

var deviceModel = porcupine.Model{
	Init: func() any { return device{} },
	Step: func(state, input, _ any) (bool, any) {
		before, c := state.(device), input.(call)
		after, possible := before.step(c)
		if c.answer == unknown && !possible {
			return true, before
		}
		return possible, after
	},
}

func (d device) step(c call) (device, bool) {
	mine := d.job == c.job && d.fence == c.fence
	if c.kind == claim {
		if mine {
			return d, true // a repeat
		}
		return device{c.job, c.fence, d.past}, d.job == 0 && c.fence > d.fence
	}
	// All else that concerns a device ends its lease.
	lease := fmt.Sprintf(" %d:%d ", c.job, c.fence)
	if !mine {
		return d, c.kind != lose && strings.Contains(d.past, lease) // a repeat
	}
	return device{0, d.fence, d.past + lease}, true
}
