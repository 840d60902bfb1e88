package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

const gpusLong = `List the devices: state, who has it, since when and until when, and how busy it is.
Why a device is not free stands below it, what is wrong with a driver below all. --wide
has all in one line each, with temperature, power and how old the readings are.`

func newGPUs(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "gpus", Short: "List the devices: which are free, and who has the others",
		Long: gpusLong, Args: none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	wide := cmd.Flags().Bool("wide", false, "more columns, and reasons in full")
	links := cmd.Flags().Bool("links", false, "how near the devices of each host are to each other")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		if *links {
			return showLinks(cmd.Context(), io, r, *output)
		}
		var answer api.GPUs
		if err := r.get(cmd.Context(), "/gpus", nil, &answer); err != nil {
			return err
		}
		return showGPUs(io, *output, &answer, *wide)
	}
	return cmd
}

func showGPUs(io streams, output string, answer *api.GPUs, wide bool) error {
	if output == "json" {
		return printJSON(io.out, answer.GPUs)
	}
	devices := withoutProblems(answer.GPUs, answer.Drivers)
	t := gpusTable(devices, time.Now())
	if wide {
		t = wideTable(devices, time.Now())
	}
	if len(answer.Drivers) > 0 {
		t.empty = "no devices: no host has any"
	}
	if err := t.print(io.out); err != nil {
		return err
	}
	for _, line := range driversInWords(answer.Drivers) {
		if _, err := fmt.Fprintln(io.out, harmless(line)); err != nil {
			return err
		}
	}
	return nil
}

// withoutProblems takes what is wrong with a driver out of the reasons of its devices:
// it stands below all, once.
func withoutProblems(devices []api.Device, drivers []api.Driver) []api.Device {
	devices = slices.Clone(devices)
	for i := range devices {
		d := &devices[i]
		for _, driver := range drivers {
			if driver.Host == d.Host && driver.Problem != "" {
				d.Reason = strings.Replace(d.Reason, ": "+driver.Problem, "", 1)
			}
		}
	}
	return devices
}

// driversInWords says what is wrong with drivers, a line each.
func driversInWords(drivers []api.Driver) (lines []string) {
	for _, d := range drivers {
		if d.Problem != "" {
			lines = append(lines, d.Host+": "+d.Problem)
		}
		for _, w := range d.Warnings {
			lines = append(lines, d.Host+": "+w)
		}
	}
	return lines
}

func showLinks(ctx context.Context, io streams, r *remote, output string) error {
	hosts, err := getHosts(ctx, r)
	if err != nil {
		return err
	}
	links := map[string][]api.AgentLink{}
	for i := range hosts {
		if len(hosts[i].Links) > 0 {
			links[hosts[i].Host] = hosts[i].Links
		}
	}
	return show(io.out, output, links, func() *table { return linksTable(hosts) })
}
