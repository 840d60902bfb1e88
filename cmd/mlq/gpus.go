package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newGPUs(io streams) *cobra.Command {
	return listing[api.Device]{
		use: "gpus", short: "List the devices: which are free, and who has the others",
		path: "/gpus", member: "gpus", table: gpusTable,
	}.command(io)
}

func gpusTable(devices []api.Device, now time.Time) *table {
	t := &table{
		head:  []string{"HOST", "#", "DEVICE", "MODEL", "MEMORY", "STATE", "USER", "SINCE", "ENDS BY", "JOB", "REASON"},
		empty: "no devices: no agent has joined",
	}
	for i := range devices {
		d := &devices[i]
		job := ""
		if d.Job != 0 {
			job = idText(d.Job)
		}
		t.row(d.Host, strconv.Itoa(d.Index), shortUUID(d.UUID), d.Model, memory(d.Memory), string(d.State), d.User,
			ago(d.UserSince, now), in(d.EndsBy, now), job, reasonOf(d, now))
	}
	return t
}

// reasonOf is why a device is not to be had: it is closed, or what its agent says.
func reasonOf(d *api.Device, now time.Time) string {
	if d.DrainedBy != "" {
		return "drained by " + drainNote(d.DrainedBy, d.DrainDeadline, now)
	}
	return d.Reason
}

func memory(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return size(bytes)
}
