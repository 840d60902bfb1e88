package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

func newGPUs(io streams) *cobra.Command {
	return listing[api.Device]{
		use: "gpus", short: "List the devices: which are free, and who has the others",
		path: "/gpus", member: "gpus", table: gpusTable,
	}.command(io)
}

func gpusTable(devices []api.Device, now time.Time) *table {
	t := &table{
		head:  []string{"HOST", "#", "STATE", "USER", "SINCE", "UNTIL", "JOB", "MODEL", "MEMORY", "DEVICE", "REASON"},
		empty: "no devices: no agent has joined",
	}
	free, simulated := 0, 0
	for i := range devices {
		d := &devices[i]
		job := ""
		if d.Job != 0 {
			job = idText(d.Job)
		}
		if d.State == gpu.Free {
			free++
		}
		if d.Simulated {
			simulated++
		}
		t.row(d.Host, strconv.Itoa(d.Index), string(d.State), d.User, ago(d.UserSince, now), takenUntil(d, now), job,
			modelOf(d), memory(d.Used, d.Memory), shortUUID(d.UUID), reasonOf(d, now))
	}
	t.foot = fmt.Sprintf("%d of %s free", free, count(len(devices), "device")) + simulatedInWords(simulated, len(devices))
	return t
}

// modelOf says of a simulated device that it is one, whatever its agent calls it.
func modelOf(d *api.Device) string {
	if d.Simulated && !strings.Contains(d.Model, "simulated") {
		return d.Model + " (simulated)"
	}
	return d.Model
}

// takenUntil is when a device that is taken is free at the latest, as the clock says it.
func takenUntil(d *api.Device, now time.Time) string {
	if d.User == "" {
		return ""
	}
	return untilWords(d.EndsBy, now)
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

// reasonOf is why a device is not to be had: it is closed, or what its agent says.
func reasonOf(d *api.Device, now time.Time) string {
	if d.DrainedBy != "" {
		return "drained by " + drainNote(d.DrainedBy, d.DrainDeadline, now)
	}
	return d.Reason
}

// memory is a device's memory, and how much of it is in use.
func memory(used, all int64) string {
	switch {
	case all == 0:
		return ""
	case used == 0:
		return size(all)
	}
	return size(used) + " of " + size(all)
}
