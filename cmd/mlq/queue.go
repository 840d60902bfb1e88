package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newQueue(io streams) *cobra.Command {
	return listing[api.Waiting]{
		use: "queue", short: "List who waits for what, in order",
		long: "List who waits for what, in order. Names and ids are shown of your own jobs only.",
		path: "/queue", member: "queue", table: queueTable,
	}.command(io)
}

func queueTable(waiting []api.Waiting, now time.Time) *table {
	t := &table{head: []string{"PLACE", "USER", "WAITS", "PRIORITY", "DEVICES", "JOB", "NAME", "NEEDS"}, empty: "nobody waits"}
	for i := range waiting {
		w := &waiting[i]
		job := ""
		if w.Job != 0 {
			job = idText(w.Job)
		}
		t.row(strconv.Itoa(w.Place), w.User, ago(w.Since, now), strconv.Itoa(w.Priority), strconv.Itoa(w.GPUs), job, w.Name, w.Class)
	}
	return t
}
