package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// column is a heading, and what stands below it for a device.
type column struct {
	head string
	cell func(d *api.Device, now time.Time) string
}

// common are the columns of every table of devices.
var common = []column{
	{"HOST", func(d *api.Device, _ time.Time) string { return d.Host }},
	{"#", func(d *api.Device, _ time.Time) string { return numberOf(d) }},
	{"STATE", func(d *api.Device, _ time.Time) string { return string(d.State) }},
	{"USER", func(d *api.Device, _ time.Time) string { return cut(whoHas(d), 16) }},
	{"SINCE", func(d *api.Device, now time.Time) string { return ago(sinceWhen(d), now) }},
	{"UNTIL", takenUntil},
	{"JOB", func(d *api.Device, _ time.Time) string { return jobOf(d) }},
	{"MODEL", func(d *api.Device, _ time.Time) string { return modelOf(d) }},
	{"MEMORY", func(d *api.Device, _ time.Time) string { return memory(d.Used, d.Memory) }},
	{"BUSY", func(d *api.Device, _ time.Time) string { return unit(d.Utilization, "%") }},
}

// more are those of --wide.
var more = []column{
	{"TEMP", func(d *api.Device, _ time.Time) string { return unit(d.Temperature, "°C") }},
	{"POWER", func(d *api.Device, _ time.Time) string { return power(d) }},
	{"CLOCK", func(d *api.Device, _ time.Time) string { return unit(d.Clock, " MHz") }},
	{"READ", func(d *api.Device, now time.Time) string { return ago(d.Reported, now) }},
	{"PCI", func(d *api.Device, _ time.Time) string { return d.PCI }},
	{"OTHERS MAY", func(d *api.Device, _ time.Time) string { return tolerated(d) }},
}

// gpusTable fits a terminal: reasons stand below their rows.
func gpusTable(devices []api.Device, now time.Time) *table {
	short := column{"DEVICE", func(d *api.Device, _ time.Time) string { return shortUUID(d.UUID) }}
	return devicesTable(devices, now, append(slices.Clone(common), short), (*table).note)
}

// wideTable has a line for each device, with all that is known of it.
func wideTable(devices []api.Device, now time.Time) *table {
	whole := column{"DEVICE", func(d *api.Device, _ time.Time) string { return d.UUID }}
	t := devicesTable(devices, now, append(slices.Concat(common, more), whole), func(t *table, reason string) {
		t.rows[len(t.rows)-1] = append(t.rows[len(t.rows)-1], reason)
	})
	t.head = append(t.head, "REASON")
	return t
}

// devicesTable has a row for each device, below the GPU that it is a slice of.
// explain adds its reason to the last row.
func devicesTable(devices []api.Device, now time.Time, columns []column, explain func(t *table, reason string)) *table {
	t := &table{empty: "no devices: no agent has joined"}
	for _, c := range columns {
		t.head = append(t.head, c.head)
	}
	parent := ""
	for i := range devices {
		d := &devices[i]
		if d.Parent != parent && d.Parent != "" {
			t.row(ofParent(d, columns)...)
			explain(t, "a GPU cut into "+count(slicesOf(d.Parent, devices), "slice"))
		}
		parent = d.Parent
		cells := make([]string, len(columns))
		for j, c := range columns {
			cells[j] = c.cell(d, now)
		}
		t.row(cells...)
		explain(t, reasonOf(d, now))
	}
	t.foot = summary(devices, now)
	return t
}

func slicesOf(parent string, devices []api.Device) (n int) {
	for i := range devices {
		if devices[i].Parent == parent {
			n++
		}
	}
	return n
}

// ofParent is the row of a GPU that is cut into slices, and is no device itself.
func ofParent(slice *api.Device, columns []column) []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		switch c.head {
		case "HOST":
			cells[i] = slice.Host
		case "STATE":
			cells[i] = "sliced"
		case "DEVICE":
			cells[i] = shortUUID(slice.Parent)
		}
	}
	return cells
}

// numberOf marks a slice.
func numberOf(d *api.Device) string {
	if d.Parent != "" {
		return "└ " + strconv.Itoa(d.Index)
	}
	return strconv.Itoa(d.Index)
}

// whoHas is the user of a device, or of the processes on it that are not of MLQ.
func whoHas(d *api.Device) string {
	if d.User != "" {
		return d.User
	}
	if d.State != gpu.Foreign {
		return ""
	}
	var users []string
	for _, p := range d.Foreign {
		if name := foreigner(p); !slices.Contains(users, name) {
			users = append(users, name)
		}
	}
	return strings.Join(users, ",")
}

// foreigner names whose a process is, as well as can be told.
func foreigner(p api.Foreigner) string {
	switch {
	case p.User != "":
		return p.User
	case p.UID >= 0:
		return "user " + strconv.Itoa(p.UID)
	}
	return "process " + strconv.Itoa(p.PID)
}

// sinceWhen: who has it counts from the lease, all else from the change of state.
func sinceWhen(d *api.Device) time.Time {
	if d.User != "" {
		return d.UserSince
	}
	return d.Since
}

func jobOf(d *api.Device) string {
	if d.Job == 0 {
		return ""
	}
	return idText(d.Job)
}

// modelOf is the model without its maker. Of a simulated device it says that it
// is one, whatever its agent calls it.
func modelOf(d *api.Device) string {
	model := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(d.Model, "NVIDIA "), "GeForce "), " (simulated)")
	if d.Simulated || strings.HasSuffix(d.Model, " (simulated)") {
		return model + " (simulated)"
	}
	return model
}

// takenUntil is when a device that is taken is free at the latest, as the clock says it.
func takenUntil(d *api.Device, now time.Time) string {
	if d.User == "" {
		return ""
	}
	return untilWords(d.EndsBy, now)
}

// heldBy says of a device that its user works on it by hand, and who else is there.
func heldBy(d *api.Device, reason string, now time.Time) string {
	text := "held by " + d.User + " until " + untilWords(d.EndsBy, now)
	if also := strings.TrimPrefix(reason, "runs job "+jobOf(d)+"; "); also != "" {
		text += "; " + also
	}
	return text
}

// untilWords is a moment to come, by the clock and from now.
func untilWords(endsBy, now time.Time) string {
	switch {
	case endsBy.IsZero():
		return "no limit"
	case endsBy.Sub(now) < 24*time.Hour:
		return fmt.Sprintf("%s (%s)", endsBy.Local().Format("15:04"), in(endsBy, now))
	}
	return fmt.Sprintf("%s (%s)", endsBy.Local().Format("Jan 2 15:04"), in(endsBy, now))
}

// reasonOf is why a device is not to be had: it is closed or detached, or what its
// agent says, with what mends it. That a job runs is in other columns.
func reasonOf(d *api.Device, now time.Time) string {
	reason := d.Reason
	if d.State == gpu.Leased && reason == "runs job "+jobOf(d) {
		reason = ""
	}
	switch {
	case d.DrainedBy != "":
		return "drained by " + drainNote(d.DrainedBy, d.DrainDeadline, now)
	case d.Hold:
		return heldBy(d, reason, now)
	case d.Detached != nil:
		return "detached by " + d.Detached.By
	case d.Health == nil:
		return reason
	case d.Health.Mend != "":
		return orElse(reason, d.Health.Sick) + "; mended by: " + d.Health.Mend
	case d.Health.Warning != "" && reason == "":
		return "doubtful: " + d.Health.Warning
	}
	return reason
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// memory is a device's memory, and how much of it is in use.
func memory(used, all int64) string {
	switch {
	case all == 0:
		return ""
	case used == 0:
		return size(all)
	}
	return strings.TrimSuffix(size(used), sameUnit(used, all)) + " of " + size(all)
}

// sameUnit is the unit that need not be said twice.
func sameUnit(a, b int64) string {
	_, x, _ := strings.Cut(size(a), " ")
	_, y, _ := strings.Cut(size(b), " ")
	if x == y {
		return " " + x
	}
	return ""
}

func unit(value *int, unit string) string {
	if value == nil {
		return ""
	}
	return strconv.Itoa(*value) + unit
}

func power(d *api.Device) string {
	if d.Power == nil {
		return ""
	}
	text := fmt.Sprintf("%.0f W", *d.Power)
	if d.PowerLimit != nil {
		text = fmt.Sprintf("%.0f of %.0f W", *d.Power, *d.PowerLimit)
	}
	return text
}

func tolerated(d *api.Device) string {
	switch {
	case d.Tolerated == 0 && d.Tolerate == nil:
		return ""
	case d.Tolerate == nil:
		return size(d.Tolerated)
	}
	return size(d.Tolerated) + " (" + d.Tolerate.By + ")"
}

// oldReadings are old enough to be spoken of.
const oldReadings = 15 * time.Second

// summary counts the free devices, and says how old the oldest readings are.
func summary(devices []api.Device, now time.Time) string {
	free, simulated, oldest := 0, 0, now
	for i := range devices {
		d := &devices[i]
		if d.State == gpu.Free {
			free++
		}
		if d.Simulated {
			simulated++
		}
		if d.Utilization != nil && d.Reported.Before(oldest) {
			oldest = d.Reported
		}
	}
	text := fmt.Sprintf("%d of %s free", free, count(len(devices), "device")) + simulatedInWords(simulated, len(devices))
	if now.Sub(oldest) > oldReadings {
		text += "\nreadings are up to " + ago(oldest, now) + " old"
	}
	return text
}
