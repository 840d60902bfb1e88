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

// memory is a device's memory, and how much of it is in use.
func memory(used *int64, all int64) string {
	switch {
	case all == 0:
		return ""
	case used == nil || *used == 0:
		return size(all)
	}
	return strings.TrimSuffix(size(*used), sameUnit(*used, all)) + " of " + size(all)
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
