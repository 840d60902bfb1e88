package main

import (
	"fmt"
	"slices"
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
		explain(t, alsoOn(d, reasonOf(d, now)))
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
