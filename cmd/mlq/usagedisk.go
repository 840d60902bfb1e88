package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// diskAgain is the pause before a count that is under way is asked for again.
const diskAgain = 200 * time.Millisecond

// tellDisk says what takes the room on the server's disk. Counting a large
// folder takes a while, and says how far it is.
func tellDisk(ctx context.Context, io streams, r *remote, output string) error {
	told := progress{io: io}
	for {
		var u api.DiskUsage
		if err := r.send(ctx, http.MethodGet, "/usage/disk", nil, nil, &u); err != nil {
			return err
		}
		if u.Done {
			return show(io.out, output, u, func() *table { return diskTable(&u) })
		}
		told.at("%d files and jobs looked at", u.Looked)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(diskAgain):
		}
	}
}

// diskTable has a row for each user, then, for an admin, what is nobody's.
func diskTable(u *api.DiskUsage) *table {
	t := &table{head: []string{"WHOSE", "JOBS", "PAYLOADS", "RESULTS", "FILES", "LOGS", "TOTAL"}, empty: "nothing is kept of your jobs"}
	row := func(whose, jobs string, d *api.DiskSum) {
		t.row(whose, jobs, size(d.Payloads), size(d.Results), size(d.Files), size(d.Logs), size(d.Sum()))
	}
	for i := range u.Users {
		row(u.Users[i].User, fmt.Sprint(u.Users[i].Jobs), &u.Users[i].DiskSum)
	}
	if u.Total == 0 { // a user's own
		return t
	}
	row("all", "", &u.DiskSum)
	for _, rest := range []struct {
		what  string
		bytes int64
	}{
		{"named by no job", u.Orphans},
		{"of that in the trash", u.Trash},
		{"uploads", u.Uploads},
		{"store", u.Store},
		{"free of " + size(u.Total), u.Free},
	} {
		t.row(rest.what, "", "", "", "", "", size(rest.bytes))
	}
	return t
}
