package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// emptyEvery is how often drain --wait looks.
const emptyEvery = time.Second

// awaitEmpty follows what still runs on what was closed until nothing does.
// Ending it leaves the drain as it is.
func awaitEmpty(ctx context.Context, io streams, r *remote, targets []target) error {
	last := ""
	for {
		hosts, err := getHosts(ctx, r)
		if err != nil {
			return err
		}
		left, open := stillBusy(hosts, targets)
		switch {
		case open != "":
			return failed("%s was opened again", open)
		case len(left) == 0:
			_, err := fmt.Fprintln(io.out, "nothing runs there any more")
			return err
		}
		if text := busyInWords(left); text != last {
			last = text
			fmt.Fprintln(io.err, "mlq:", text)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(emptyEvery):
		}
	}
}

// stillBusy is pure: the devices of the targets that somebody has, and a
// target that is not closed any more, "" if all are.
func stillBusy(hosts []api.Host, targets []target) (left []api.Device, open string) {
	for _, t := range targets {
		for i := range hosts {
			if t.device == "" && hosts[i].Host == t.host && hosts[i].DrainedBy == "" {
				return nil, t.name()
			}
			for _, d := range hosts[i].Devices {
				switch {
				case !t.is(&d):
				case d.DrainedBy == "":
					return nil, t.name()
				case d.State == gpu.Leased:
					left = append(left, d)
				}
			}
		}
	}
	return left, ""
}

func busyInWords(left []api.Device) string {
	who := make([]string, len(left))
	for i := range left {
		if left[i].User == "" { // its job has ended, and its agent clears up
			who[i] = deviceInWords(left[i].UUID) + " is being freed"
			continue
		}
		who[i] = fmt.Sprintf("%s has %s", left[i].User, deviceInWords(left[i].UUID))
		if left[i].Job != 0 {
			who[i] += fmt.Sprintf(" (job %d)", left[i].Job)
		}
		if !left[i].EndsBy.IsZero() {
			who[i] += " until " + clock(left[i].EndsBy, time.Now())
		}
	}
	return count(len(left), "device") + " in use: " + strings.Join(who, ", ")
}
