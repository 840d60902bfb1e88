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

func newHosts(io streams) *cobra.Command {
	return listing[api.Host]{
		use: "hosts", short: "List the hosts with their environments and isolation",
		path: "/hosts", member: "hosts", table: hostsTable,
	}.command(io)
}

func hostsTable(hosts []api.Host, now time.Time) *table {
	t := &table{
		head:  []string{"HOST", "STATE", "FREE", "PYTHON", "RUNS AS", "ISOLATION", "SEEN", "VERSION", "NOTE"},
		empty: "no hosts: no agent has joined",
	}
	for i := range hosts {
		h := &hosts[i]
		t.row(h.Host, h.State, freeOf(h.Devices), pythonsOf(h.Environments), h.RunAs, h.Isolation,
			ago(h.Renewed, now), h.Version, noteOf(h, now))
	}
	return t
}

// drainNote is who closed something and why, and when what runs there is stopped.
func drainNote(by string, d *api.Deadline, now time.Time) string {
	if by == "" || d == nil {
		return by
	}
	return by + "; closed at " + clock(d.At, now)
}

// noteOf is who closed a host or took its driver away, and what is wrong with its
// driver and its clock.
func noteOf(h *api.Host, now time.Time) string {
	var notes []string
	for _, note := range []string{drainNote(h.DrainedBy, h.DrainDeadline, now), driverNote(h), clockNote(time.Duration(h.ClockAhead) * time.Second)} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return strings.Join(notes, "; ")
}

func driverNote(h *api.Host) string {
	switch {
	case h.Detached != nil:
		return "its GPU driver was taken away by " + h.Detached.By
	case h.GPU == nil:
		return ""
	}
	return h.GPU.Problem
}

func clockNote(ahead time.Duration) string {
	switch {
	case ahead > 0:
		return "its clock is " + short(ahead) + " ahead of the server's"
	case ahead < 0:
		return "its clock is " + short(-ahead) + " behind the server's"
	}
	return ""
}

func freeOf(devices []api.Device) string {
	free, simulated := 0, 0
	for i := range devices {
		if devices[i].State == gpu.Free {
			free++
		}
		if devices[i].Simulated {
			simulated++
		}
	}
	return strconv.Itoa(free) + "/" + strconv.Itoa(len(devices)) + simulatedInWords(simulated, len(devices))
}

// simulatedInWords says how many of all devices are simulated, "" where none is.
func simulatedInWords(n, all int) string {
	switch n {
	case 0:
		return ""
	case all:
		return " (simulated)"
	}
	return fmt.Sprintf(" (%d simulated)", n)
}

// pythonsOf names the environments; one that cannot run jobs is marked.
func pythonsOf(environments []api.Environment) string {
	words := make([]string, len(environments))
	for i, e := range environments {
		words[i] = e.Name + "=" + e.Version
		if e.Problem != "" {
			words[i] += " (broken)"
		}
	}
	return strings.Join(words, " ")
}
