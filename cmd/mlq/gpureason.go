package main

import (
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// reasonOf is why a device is not to be had: it is closed or detached, or what its
// agent says, with what mends it. That a job runs is in other columns.
func reasonOf(d *api.Device, now time.Time) string {
	reason := d.Reason
	if d.State == gpu.Leased && reason == "runs job "+jobOf(d) {
		reason = ""
	}
	switch {
	case d.DrainedBy != "":
		return "drained by " + drainNote(d.DrainedBy, d.DrainDeadline, now)
	case d.Hold:
		return heldBy(d, reason, now)
	case d.Detached != nil:
		return "detached by " + d.Detached.By
	case d.Health == nil:
		return reason
	case d.Health.Mend != "":
		return orElse(reason, d.Health.Sick) + "; mended by: " + d.Health.Mend
	case d.Health.Warning != "" && reason == "":
		return "doubtful: " + d.Health.Warning
	}
	return reason
}

// alsoOn names the other agents that list the device, after its reason.
func alsoOn(d *api.Device, reason string) string {
	if len(d.AlsoOn) == 0 {
		return reason
	}
	also := "also offered by " + strings.Join(d.AlsoOn, ", ")
	if reason == "" {
		return also
	}
	return reason + "; " + also
}

// heldBy says of a device that its user works on it by hand, and who else is there.
func heldBy(d *api.Device, reason string, now time.Time) string {
	text := "held by " + d.User + " until " + untilWords(d.EndsBy, now)
	if also := strings.TrimPrefix(reason, "runs job "+jobOf(d)+"; "); also != "" {
		text += "; " + also
	}
	return text
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
