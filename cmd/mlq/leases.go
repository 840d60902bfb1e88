package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newLeases(io streams) *cobra.Command {
	cmd := listing[api.Lease]{
		use: "leases", short: "List who holds which devices (for admins)",
		path: "/leases", member: "leases", table: leasesTable,
	}.command(io)
	cmd.AddCommand(newRevoke(io))
	return cmd
}

func leasesTable(leases []api.Lease, now time.Time) *table {
	t := &table{head: []string{"JOB", "NAME", "USER", "HOST", "DEVICES", "STATE", "SINCE", "RENEWED", "ENDS BY"}, empty: "no leases"}
	for i := range leases {
		l := &leases[i]
		devices := make([]string, len(l.Devices))
		for j, uuid := range l.Devices {
			devices[j] = shortUUID(uuid)
		}
		t.row(idText(l.Job), l.Name, l.User, l.Host, strings.Join(devices, " "), string(l.State),
			ago(l.Since, now), ago(l.Renewed, now), in(l.EndsBy, now))
	}
	return t
}

func newRevoke(io streams) *cobra.Command {
	var then, reason string
	cmd := &cobra.Command{
		Use:   "revoke JOB",
		Short: "Take a job's devices away from it",
		Long: `Take a job's devices away from it: the job is stopped, with its grace, and is then
cancelled or put back into the queue. Its user is told who did it and why.`,
		Example: `  mlq leases revoke 53 --reason "maintenance at noon" --then requeue`,
		Args:    exactly(1, "one job id"),
	}
	server := bindServer(cmd)
	cmd.Flags().StringVar(&then, "then", "cancel", "what becomes of the job: cancel or requeue")
	cmd.Flags().StringVar(&reason, "reason", "", "told to the user")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := readID(args[0])
		if err != nil {
			return err
		}
		if then != "cancel" && then != "requeue" {
			return usage("--then %s: want cancel or requeue", then)
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		query := url.Values{"then": {then}}
		if reason != "" {
			query.Set("reason", reason)
		}
		path := "/leases/" + strconv.FormatInt(int64(id), 10)
		if err := r.send(cmd.Context(), http.MethodDelete, path, query, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "the lease of job %d is revoked\n", id)
		return err
	}
	return cmd
}
