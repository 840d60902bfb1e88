package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// Shown is what may be told of others to whoever asks.
type Shown struct {
	// User gives a user's name as it may be told; nil: as it is.
	User func(name string) string
	// HideForeign: of processes that are not of MLQ nothing but that they are there.
	HideForeign bool
}

// WhyDevice is a device that fits a waiting job, and what keeps the job from it.
type WhyDevice struct {
	Host      string
	Index     int
	UUID      string
	Model     string
	State     gpu.State
	User      string    // who holds it through MLQ; "": nobody
	Since     time.Time // of that, or of the state
	EndsBy    time.Time // when it is free at the latest; zero: unknown
	Text      string    // "is held by ana since …", "" of a free one
	Simulated bool
}

// taken are the devices of one host that fit a job.
type taken struct {
	host    string
	devices []WhyDevice // the first to be had first
	free    int
	by      time.Time // when enough are free at the latest; zero: unknown
}

// takenOn looks at the devices of a host that fit.
func (sc *scene) takenOn(h *Host, shown Shown) taken {
	t := taken{host: h.Host}
	for i := range h.Devices {
		d := &h.Devices[i]
		if !fits(sc.need, &d.Device, sc.real) {
			continue
		}
		w := sc.device(h, d, shown)
		if w.State == gpu.Free {
			t.free++
		}
		t.devices = append(t.devices, w)
	}
	slices.SortStableFunc(t.devices, soonest)
	if n := sc.need.Slots(); n <= len(t.devices) && t.free < n {
		t.by = t.devices[n-1].EndsBy
	}
	return t
}

// state is what keeps jobs from a device: our lease, an admin, or what is on it.
func (sc *scene) state(h *Host, d *DeviceReport) gpu.State {
	switch {
	case sc.leaseOn[d.UUID] != nil:
		return gpu.Leased
	case h.DrainedDevices[d.UUID] != "":
		return gpu.Drained
	case d.State == gpu.Leased: // the lease has ended, and its agent has not said so yet
		return gpu.Clearing
	}
	return d.State
}

func (sc *scene) device(h *Host, d *DeviceReport, shown Shown) WhyDevice {
	w := WhyDevice{Host: h.Host, Index: d.Index, UUID: d.UUID, Model: d.Model, State: sc.state(h, d), Since: d.Since, Simulated: d.Simulated()}
	switch w.State {
	case gpu.Free:
	case gpu.Leased:
		l := sc.leaseOn[d.UUID]
		w.User, w.Since, w.EndsBy = shown.name(l.User), l.Since, l.EndsBy
		w.Text = sc.heldWords(&w)
	case gpu.Drained:
		w.Text = closedWords(h, d)
	case gpu.Clearing:
		w.Text = "being cleared after a job"
	case gpu.Foreign:
		w.Text = sc.foreignWords(d, shown)
	case gpu.Sick:
		w.Text = "sick: " + cmp.Or(d.Health.Sick, gpu.WithoutJob(d.Reason))
	default:
		w.Text = string(d.State) + ": " + gpu.WithoutJob(d.Reason)
	}
	return w
}

// closedWords: an admin closed it, or how its host is set up.
func closedWords(h *Host, d *DeviceReport) string {
	if by := h.DrainedDevices[d.UUID]; by != "" {
		return "closed by " + by
	}
	return "closed: " + d.Reason
}

// leasesByDevice gives the lease on each device that has one.
func leasesByDevice(leases []Lease) map[string]*Lease {
	on := make(map[string]*Lease)
	for i := range leases {
		for _, uuid := range leases[i].Devices {
			on[uuid] = &leases[i]
		}
	}
	return on
}

func (s Shown) name(user string) string {
	if s.User == nil {
		return user
	}
	return s.User(user)
}

func (sc *scene) heldWords(w *WhyDevice) string {
	text := fmt.Sprintf("held by %s since %s", w.User, sc.clock(w.Since))
	if w.EndsBy.IsZero() {
		return text + ", without a time limit"
	}
	return text + ", until " + sc.clock(w.EndsBy) + " at the latest"
}

// foreignWords names the process that is on a device and not ours.
func (sc *scene) foreignWords(d *DeviceReport, shown Shown) string {
	taken, byAgent := gpu.TakenByAgent(d.Reason) // that is MLQ, too
	switch {
	case byAgent && shown.HideForeign:
		return "taken by " + gpu.OtherAgent
	case byAgent:
		return taken + " since " + sc.clock(d.Since)
	case shown.HideForeign:
		return "used by a process that is not of MLQ"
	case len(d.Foreign) > 0:
	case strings.HasPrefix(d.Reason, "used by "):
		return d.Reason + ", not through MLQ, since " + sc.clock(d.Since)
	default:
		return "used, not through MLQ: " + d.Reason
	}
	p := &d.Foreign[0]
	text := fmt.Sprintf("used by process %d", p.PID)
	if p.Name != "" {
		text += " (" + p.Name + ")"
	}
	if owner := ownerOf(p); owner != "" {
		text += " of " + owner
	}
	if more := len(d.Foreign) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	since := p.Since
	if since.IsZero() {
		since = d.Since
	}
	return text + ", not through MLQ, since " + sc.clock(since)
}

func ownerOf(p *gpu.Process) string {
	switch {
	case p.User != "":
		return p.User
	case p.UID >= 0:
		return fmt.Sprintf("user %d", p.UID)
	}
	return ""
}

// clock is a time for people, with the day where it is not today.
func (sc *scene) clock(t time.Time) string {
	t = t.UTC()
	if now := sc.now.UTC(); t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04 UTC")
	}
	return t.Format("Jan 2 15:04 UTC")
}

// soonest orders devices by when they are to be had.
func soonest(a, b WhyDevice) int {
	return cmp.Or(cmp.Compare(slices.Index(prospects, a.State), slices.Index(prospects, b.State)), compareEnds(a.EndsBy, b.EndsBy))
}

// prospects are all states of devices, those from which one comes back first in front.
var prospects = []gpu.State{gpu.Free, gpu.Clearing, gpu.Leased, gpu.Foreign, gpu.Drained, gpu.Unknown, gpu.Sick}

// compareEnds: no end is the latest.
func compareEnds(a, b time.Time) int {
	switch {
	case a.Equal(b):
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// whyMost bounds the groups of devices that a reason names.
const whyMost = 4

// grouped names the devices that are not free, those with the same text together:
// "gpu1 #0 and #1 are held by …".
func grouped(devices []WhyDevice) string {
	var words []string
	left := 0
	for i := 0; i < len(devices); {
		first, n := &devices[i], 1
		for i+n < len(devices) && devices[i+n].Host == first.Host && devices[i+n].Text == first.Text {
			n++
		}
		switch {
		case first.Text == "":
		case len(words) == whyMost:
			left += n
		default:
			words = append(words, indexes(devices[i:i+n])+" "+first.Text)
		}
		i += n
	}
	if left > 0 {
		words = append(words, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(words, "; ")
}

// indexes is "gpu1 #0 is", "gpu1 #0, #1 are": by number, since which of them is to be
// had some milliseconds sooner nobody can read.
func indexes(devices []WhyDevice) string {
	byNumber := slices.SortedFunc(slices.Values(devices), func(a, b WhyDevice) int { return cmp.Compare(a.Index, b.Index) })
	words := make([]string, len(byNumber))
	for i := range byNumber {
		words[i] = fmt.Sprintf("#%d", byNumber[i].Index)
	}
	verb := " is"
	if len(words) > 1 {
		verb = " are"
	}
	if devices[0].Simulated { // as all of its host
		verb = " (simulated)" + verb
	}
	return devices[0].Host + " " + listed(words) + verb
}
