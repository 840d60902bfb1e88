package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

const usageLong = `Sum up what was used: device-hours, jobs, failures and the longest attempt. An
attempt counts from its claim to its end, however it ended, and one that runs up to
now; what was forgotten since (mlq purge, result_ttl) counts too, for 400 days.
Who is no admin sees their own, and the sums of devices and hosts.`

func newUsage(io streams) *cobra.Command {
	var since, by string
	var disk bool
	cmd := &cobra.Command{
		Use:     "usage",
		Short:   "Sum up who used how much",
		Long:    usageLong,
		Example: "  mlq usage --since 7d\n  mlq usage --since 2026-11-01 --by device -o json",
		Args:    none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.Flags().StringVar(&since, "since", "30d", "how long ago, as 7d, or a day, as 2026-11-01; days are those of UTC")
	cmd.Flags().StringVar(&by, "by", "user", "user, device or host")
	cmd.Flags().BoolVar(&disk, "disk", false, "instead: what takes the room on the server's disk, by user")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if disk && (cmd.Flags().Changed("since") || cmd.Flags().Changed("by")) {
			return usage("--disk takes no --since or --by")
		}
		if by != "user" && by != "device" && by != "host" {
			return usage("--by %s: want user, device or host", by)
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		if disk {
			return tellDisk(cmd.Context(), io, r, *output)
		}
		var used api.Usage
		if err := r.get(cmd.Context(), "/usage", url.Values{"since": {since}, "by": {by}}, &used); err != nil {
			return err
		}
		return show(io.out, *output, used, func() *table { return usageTable(&used) })
	}
	return cmd
}

func usageTable(u *api.Usage) *table {
	t := &table{empty: "nothing was used since " + u.Since.Format(time.DateOnly)}
	switch u.By {
	case "user":
		t.head = []string{"USER"}
	case "host":
		t.head = []string{"HOST"}
	default:
		t.head = []string{"HOST", "DEVICE"}
	}
	t.head = append(t.head, "DEVICE-HOURS", "JOBS", "FAILED", "ATTEMPTS", "LONGEST")
	for i := range u.Usage {
		of := &u.Usage[i]
		cells := []string{of.User + of.Host}
		if u.By == "device" {
			cells = append(cells, deviceInWords(of.Device))
		}
		t.row(append(cells, hours(of.DeviceSeconds), number(of.Jobs), number(of.Failed), number(of.Attempts),
			short(time.Duration(of.LongestSeconds*float64(time.Second))))...)
	}
	return t
}

// hours writes device-hours with two places; what would read as nothing, and was
// something, as less than that.
func hours(seconds float64) string {
	if text := fmt.Sprintf("%.2f", seconds/3600); text != "0.00" || seconds <= 0 {
		return text
	}
	return "<0.01"
}
