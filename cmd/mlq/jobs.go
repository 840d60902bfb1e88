package main

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newJobs(io streams) *cobra.Command {
	var filter filterFlags
	var limit int
	cmd := &cobra.Command{
		Use:     "jobs",
		Short:   "List jobs, the newest first",
		Long:    "List your jobs, the newest first. An admin sees everybody's.",
		Example: "  mlq jobs --state running,queued\n  mlq jobs --state failed                     # the dead letters, with their reasons\n  mlq jobs -n 500 -o json",
		Args:    none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	filter.bind(cmd)
	filter.bindReason(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how many at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		if limit < 1 {
			return usage("--limit %d: want at least 1", limit)
		}
		list, err := listJobs(cmd.Context(), r, filter.query(), limit)
		if err != nil {
			return err
		}
		return show(io.out, *output, list, func() *table { return jobsTable(list, time.Now()) })
	}
	return cmd
}

// pageSize is how many jobs the server gives at once.
const pageSize = 200

// listJobs follows the pages of a list up to a limit.
func listJobs(ctx context.Context, r *remote, query url.Values, limit int) ([]api.Job, error) {
	list := []api.Job{}
	for {
		query.Set("limit", strconv.Itoa(min(limit-len(list), pageSize)))
		var page api.Page
		if err := r.get(ctx, "/jobs", query, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Jobs...)
		if page.Next == "" || len(list) >= limit {
			return list, nil
		}
		query.Set("before", page.Next)
	}
}

func jobsTable(jobs []api.Job, now time.Time) *table {
	t := &table{head: []string{"ID", "STATE", "NAME", "USER", "WHERE", "AGE", "NOTE"}, empty: "no jobs"}
	for i := range jobs {
		j := &jobs[i]
		t.row(idText(j.ID), string(j.State), cut(nameOf(j), 32), j.User, where(j), ago(j.Submitted, now), cut(note(j, now), 60))
	}
	return t
}

// nameOf is what a job is called: its name, else its function's.
func nameOf(j *api.Job) string {
	if j.Name != "" {
		return j.Name
	}
	return j.Function
}

// where is the host and device of the last attempt.
func where(j *api.Job) string {
	if j.Worker == nil || !j.State.Active() && !j.State.Final() {
		return ""
	}
	return shortDevice(*j.Worker)
}

// note is what is worth a word: why it failed, or how far it is.
func note(j *api.Job, now time.Time) string {
	switch {
	case j.Detail != "" && j.Reason != "":
		return string(j.Reason) + ": " + j.Detail
	case j.Detail != "" || j.Reason != "":
		return cmp.Or(j.Detail, string(j.Reason))
	case j.CancelRequested && !j.State.Final():
		return "told to stop" + andWait(j.CancelThen) + " by " + j.CancelBy
	case j.Hold && j.Lease != nil:
		return "held until " + untilWords(j.Lease.EndsBy, now)
	case j.ShortResult != nil && !j.Hold:
		return *j.ShortResult
	}
	return ""
}
