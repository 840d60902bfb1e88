package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// misfit says why something does not fit, and how far the check came: of two
// hosts that cannot run a job, the one with the higher step is the closer.
type misfit struct {
	step int
	text string
}

// The steps of a fit, in the order in which they are checked.
const (
	stepHost = iota + 1
	stepLabels
	stepAccount
	stepDirectory
	stepPython
	stepDevices
)

// fitHost checks all but the devices; nil: it fits.
func fitHost(n Need, unix string, o *Offer) *misfit {
	if n.Consumer != "" || o.Consumer != "" {
		return fitConsumer(n, o)
	}
	switch {
	case !n.onHost(o.Host):
		return &misfit{stepHost, fmt.Sprintf("%s is not the host %q", o.Host, n.Host)}
	case !labelsMatch(n.Labels, o.Labels):
		return &misfit{stepLabels, fmt.Sprintf("%s does not have the labels %s", o.Host, labelText(n.Labels))}
	case !accountKnown(unix, o):
		return &misfit{stepAccount, accountText(unix, o.Host)}
	case n.WorkDir != "" && o.WorkDirOK != nil && !o.WorkDirOK(n.WorkDir, unix):
		return &misfit{stepDirectory, fmt.Sprintf("%s does not let the job enter %s", o.Host, n.WorkDir)}
	}
	if _, why := chooseEnvironment(n, o); why != "" {
		return &misfit{stepPython, why}
	}
	return nil
}

// onHost reports whether the agent is of the host that is named, if one is.
func (n Need) onHost(agent string) bool { return n.Host == "" || IsHost(n.Host, agent) }

// MayRunOn refuses an agent of another host than the one that the job named. All
// else that a job needs is what agents say of themselves; this one thing is not,
// and users rely on it for where their secrets go.
func (j *Job) MayRunOn(agent string) error {
	if consumed(j.Class) != IsConsumer(agent) {
		return &FieldError{"host", fmt.Sprintf("job %d is not for %s: consumers, and they alone, take the messages of functions that are theirs", j.ID, agent)}
	}
	if IsConsumer(agent) || !strings.Contains(j.Class, " host=") { // as most: nothing to read
		return nil
	}
	need, err := ParseNeed(j.Class)
	if err == nil && !need.onHost(agent) {
		err = &FieldError{"host", fmt.Sprintf("job %d is to run on %s only, not on %s", j.ID, need.Host, agent)}
	}
	return err
}

func labelsMatch(want, have map[string]string) bool {
	for name, value := range want {
		if got, ok := have[name]; !ok || got != value {
			return false
		}
	}
	return true
}

func labelText(labels map[string]string) string {
	var parts []string
	for _, name := range sortedKeys(labels) {
		parts = append(parts, name+"="+labels[name])
	}
	return strings.Join(parts, ", ")
}

func accountKnown(unix string, o *Offer) bool {
	switch {
	case o.Accounts == nil:
		return true
	case unix == "":
		return false
	}
	return slices.Contains(o.Accounts, unix) || o.AccountOK != nil && o.AccountOK(unix)
}

func accountText(unix, host string) string {
	if unix == "" {
		return fmt.Sprintf("%s runs jobs under the submitter's unix account, and this user has none on record", host)
	}
	return fmt.Sprintf("%s has no unix account %q", host, unix)
}

// fits reports whether one device can be one of those that the job needs.
func fits(n Need, d *gpu.Device, realElsewhere bool) bool {
	switch {
	case n.Consumer != "" || d.Kind == gpu.KindConsumer:
		return n.Consumer != "" && d.Kind == gpu.KindConsumer
	case n.GPUs == 0:
		return d.Kind == gpu.KindCPU
	case d.Kind == gpu.KindCPU:
		// A slot that stands in for a GPU has no model, memory or capability to promise.
		return d.StandIn && !realElsewhere && n.MemGiB == 0 && n.Type == "" && n.MinCC == 0
	case n.GPUs > 1 && sliced(d):
		return false // CUDA shows a process one slice at most
	}
	return cardHas(d.Memory, n.MemGiB) && d.ComputeCapability >= n.MinCC && typeMatches(n.Type, d.Model)
}

// sliced reports whether a device is a slice of a GPU.
func sliced(d *gpu.Device) bool { return d.Kind == gpu.KindMIG || d.Slice() }

// typeMatches finds the pattern anywhere in the model's name, without case;
// * stands for anything between its parts.
func typeMatches(pattern, model string) bool {
	rest := strings.ToLower(model)
	for part := range strings.SplitSeq(strings.ToLower(pattern), "*") {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}

// enoughFit reports whether so many of the offer's devices fit, free or not.
func enoughFit(n Need, o *Offer) *misfit {
	if _, all := countFitting(n, o); len(all) < n.Slots() {
		return tooFew(n, o, len(all))
	}
	return nil
}

func tooFew(n Need, o *Offer, fitting int) *misfit {
	return &misfit{stepDevices, fmt.Sprintf("%s has %d of the %d devices needed (%s)", o.Host, fitting, n.Slots(), n)}
}

func countFitting(n Need, o *Offer) (free, all []*OfferedDevice) {
	for i := range o.Devices {
		d := &o.Devices[i]
		if !fits(n, &d.Device, o.RealElsewhere) {
			continue
		}
		all = append(all, d)
		if d.Free {
			free = append(free, d)
		}
	}
	return free, all
}

// freeBy is when enough of the offer's fitting devices are expected to be free
// for the job; zero: unknown, or never.
func freeBy(n Need, o *Offer) time.Time {
	free, all := countFitting(n, o)
	missing := n.Slots() - len(free)
	if missing <= 0 || len(all) < n.Slots() {
		return time.Time{}
	}
	var ends []time.Time
	for _, d := range all {
		if !d.Free && !d.FreeBy.IsZero() {
			ends = append(ends, d.FreeBy)
		}
	}
	if len(ends) < missing {
		return time.Time{}
	}
	slices.SortFunc(ends, time.Time.Compare)
	return ends[missing-1]
}
