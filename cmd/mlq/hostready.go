package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// hostPatience is how long the agent of mlq dev has to join: it starts a slot
// and a Python for each device.
const hostPatience = 60 * time.Second

// awaitHost waits until the agent has joined, so that what is printed is true,
// not what an earlier run left in the store, and the first job finds a device.
func awaitHost(ctx context.Context, joined <-chan struct{}) error {
	patience := time.NewTimer(hostPatience)
	defer patience.Stop()
	select {
	case <-joined:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.C:
		return failed("the agent of this host did not join within %s", hostPatience).with("its log is on standard error: try --log-level info")
	}
}

// describeHosts tells in two lines what jobs find here.
func describeHosts(ctx context.Context, io streams, s *scheduler.Scheduler) error {
	hosts, err := s.Hosts(ctx)
	if err != nil {
		return fmt.Errorf("hosts: %w", err)
	}
	for _, h := range hosts {
		fmt.Fprintf(io.out, "devices: %s\nenvironments: %s\n", devicesInWords(h.Devices), environmentsInWords(h.Environments))
	}
	return nil
}

// devicesInWords counts the devices by model, in the order of the first of each.
func devicesInWords(devices []scheduler.DeviceReport) string {
	if len(devices) == 0 {
		return "none are known yet (mlq hosts says why)"
	}
	var order []string
	count := map[string]int{}
	for _, d := range devices {
		if count[d.Model] == 0 {
			order = append(order, d.Model)
		}
		count[d.Model]++
	}
	for i, model := range order {
		order[i] = fmt.Sprintf("%d × %s", count[model], model)
	}
	return strings.Join(order, ", ")
}

func environmentsInWords(environments []scheduler.Environment) string {
	words := make([]string, len(environments))
	for i, e := range environments {
		words[i] = fmt.Sprintf("%s (Python %s)", e.Name, e.Version)
		if e.Problem != "" {
			words[i] = fmt.Sprintf("%s (cannot run jobs: %s)", e.Name, e.Problem)
		}
	}
	return strings.Join(words, ", ")
}
