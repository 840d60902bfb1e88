package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func newCancel(io streams) *cobra.Command {
	var filter filterFlags
	var bulk bulkFlags
	cmd := &cobra.Command{
		Use:   "cancel [ID…]",
		Short: "Cancel jobs, by id or by filter",
		Long: `Cancel jobs. One that waits never starts; one that runs gets SIGTERM and, after
its grace, SIGKILL. A job that has ended stays as it is.

--all, and a filter that hits more than ten jobs, ask first; without a terminal they
want --yes. The exit code is 0 if each job is cancelled, is told to stop or had ended.`,
		Example: "  mlq cancel 53 54 60-75\n  mlq cancel --state queued --name ablation\n  mlq cancel --all --dry-run",
		Args:    cobra.ArbitraryArgs,
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	filter.bind(cmd)
	cmd.Flags().BoolVar(&bulk.all, "all", false, "all your jobs that have not ended; an admin's: everybody's")
	cmd.Flags().BoolVarP(&bulk.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&bulk.dryRun, "dry-run", false, "list what would be cancelled, and cancel nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := selected(args, &filter, bulk.all)
		if err != nil {
			return err
		}
		if ended := endedStates(filter.states); len(ended) > 0 {
			return usage("--state %s: those have ended, there is nothing to cancel", strings.Join(ended, ","))
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		c := cancelling{io: io, r: r, output: *output, bulkFlags: bulk}
		if len(ids) > 0 {
			return c.byID(cmd.Context(), ids)
		}
		return c.byFilter(cmd.Context(), bulkQuery(&filter, bulk.all))
	}
	return cmd
}

// selected wants ids or a filter, not both and not neither: a slip must not
// hit everything.
func selected(args []string, filter *filterFlags, all bool) ([]scheduler.JobID, error) {
	chosen := 0
	for _, given := range []bool{len(args) > 0, !filter.empty(), all} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return nil, usage("want job ids, or a filter, or --all").with("for example: 53 54, or --state failed")
	}
	return readIDs(args)
}

func bulkQuery(filter *filterFlags, all bool) url.Values {
	query := filter.query()
	if all {
		query.Set("all", "true")
	}
	return query
}

// cancelling is one run of the command.
type cancelling struct {
	bulkFlags

	io     streams
	r      *remote
	output string
}

// byID cancels one after the other; an id that fails does not keep the
// others from it.
func (c *cancelling) byID(ctx context.Context, ids []scheduler.JobID) error {
	done := []api.Cancelled{}
	var sum tally
	told := progress{io: c.io}
	for i, id := range ids {
		one, err := c.one(ctx, id)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			report(c.io, fmt.Errorf("job %d: %w", id, err))
			sum.failed++
			continue
		}
		done = append(done, one)
		sum.add(one)
		told.at("%d of %d jobs", i+1, len(ids))
	}
	return c.tell(done, sum)
}

// one cancels a job, or only looks at it.
func (c *cancelling) one(ctx context.Context, id scheduler.JobID) (api.Cancelled, error) {
	if !c.dryRun {
		var done api.Cancelled
		err := c.r.send(ctx, http.MethodDelete, jobPath(id, ""), nil, nil, &done)
		return done, err
	}
	var job api.Job
	err := c.r.get(ctx, jobPath(id, ""), nil, &job)
	return api.Cancelled{ID: id, State: job.State, Already: job.State.Final()}, err
}

func (c *cancelling) tell(done []api.Cancelled, sum tally) error {
	var end error
	if sum.failed > 0 {
		end = &exit{code: exitFailed}
	}
	if c.output == "json" {
		if err := printJSON(c.io.out, done); err != nil {
			return err
		}
		return end
	}
	for _, d := range done {
		fmt.Fprintln(c.io.out, cancelledInWords(d, c.dryRun))
	}
	if len(done)+sum.failed > 1 && !c.dryRun {
		fmt.Fprintln(c.io.out, sum.words())
	}
	return end
}

func cancelledInWords(c api.Cancelled, dryRun bool) string {
	switch {
	case c.Already && c.State.Final():
		return fmt.Sprintf("job %d had ended: %s", c.ID, c.State)
	case dryRun:
		return fmt.Sprintf("job %d is %s and would be cancelled", c.ID, c.State)
	case c.State.Active():
		return fmt.Sprintf("job %d is told to stop", c.ID)
	}
	return fmt.Sprintf("job %d cancelled", c.ID)
}

// tally counts what became of the jobs of one command.
type tally struct {
	cancelled, stopping, ended, failed int
}

func (t *tally) add(c api.Cancelled) {
	switch {
	case c.Already && c.State.Final():
		t.ended++
	case c.State.Active():
		t.stopping++
	default:
		t.cancelled++
	}
}

func (t *tally) words() string {
	parts := []string{fmt.Sprintf("%d cancelled", t.cancelled)}
	for _, part := range []struct {
		n    int
		what string
	}{{t.stopping, "told to stop"}, {t.ended, "had ended already"}, {t.failed, "failed"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// byFilter finds what there is to cancel, asks where that is much, and then
// repeats the request until the server has been through all.
func (c *cancelling) byFilter(ctx context.Context, query url.Values) error {
	look := cloneValues(query)
	if !look.Has("state") {
		look["state"] = []string{"scheduled", "queued", "leased", "running"}
	}
	found, err := hit(ctx, c.io, c.r, look)
	if err != nil {
		return err
	}
	if c.dryRun {
		return show(c.io.out, c.output, []api.Job(found), func() *table { return jobsTable(found, time.Now()) })
	}
	if len(found) > 0 && !c.yes && (c.all || len(found) > fewJobs) {
		if err := confirm(ctx, c.io, "cancel "+found.words()+"?"); err != nil {
			return err
		}
	}
	return c.repeat(ctx, found.bound(query), len(found))
}

func (c *cancelling) repeat(ctx context.Context, query url.Values, all int) error {
	done := []scheduler.JobID{}
	var sum tally
	told := progress{io: c.io}
	for more := all > 0; more; {
		var bulk api.Bulk
		if err := c.r.send(ctx, http.MethodDelete, "/jobs", query, nil, &bulk); err != nil {
			return err
		}
		done = append(done, bulk.Cancelled...)
		sum.stopping += len(bulk.Stopping)
		more = bulk.More
		told.at("%d of %d jobs cancelled", len(done), all)
	}
	sum.cancelled, sum.ended = len(done)-sum.stopping, max(all-len(done), 0)
	if c.output == "json" {
		return printJSON(c.io.out, done)
	}
	_, err := fmt.Fprintln(c.io.out, sum.words())
	return err
}
