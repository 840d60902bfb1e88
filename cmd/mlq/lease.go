package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newLease(io streams) *cobra.Command {
	cmd := listing[api.Lease]{
		use: "lease", short: "List who holds which devices (for admins)",
		path: "/leases", member: "leases", table: leasesTable,
	}.command(io)
	cmd.Aliases = []string{"leases"}
	cmd.AddCommand(newRevoke(io))
	return cmd
}

func leasesTable(leases []api.Lease, now time.Time) *table {
	t := &table{head: []string{"JOB", "NAME", "USER", "HOST", "DEVICES", "STATE", "SINCE", "RENEWED", "UNTIL"}, empty: "no leases"}
	for i := range leases {
		l := &leases[i]
		t.row(idText(l.Job), l.Name, l.User, l.Host, allInWords(l.Devices), leaseState(l),
			ago(l.Since, now), ago(l.Renewed, now), untilWords(l.EndsBy, now))
	}
	return t
}

func leaseState(l *api.Lease) string {
	if l.BlockedOn != 0 {
		return "waits for job " + idText(l.BlockedOn)
	}
	return string(l.State)
}
