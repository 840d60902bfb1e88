package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func newCancel(io streams) *cobra.Command {
	var filter filterFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "cancel [ID…]",
		Short: "Cancel jobs, by id or by filter",
		Long: `Cancel jobs. One that waits never starts; one that runs gets SIGTERM and, after
its grace, SIGKILL. A job that has ended stays as it is.`,
		Example: "  mlq cancel 53 54\n  mlq cancel --state queued --name ablation",
		Args:    cobra.ArbitraryArgs,
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	filter.bind(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all your jobs that have not ended")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := selected(args, &filter, all)
		if err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			return cancelByID(cmd.Context(), io, r, ids, *output)
		}
		return cancelByFilter(cmd.Context(), io, r, bulkQuery(&filter, all), *output)
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

// cancelByID cancels one after the other; an id that fails does not keep the
// others from it.
func cancelByID(ctx context.Context, io streams, r *remote, ids []scheduler.JobID, output string) error {
	var done []api.Cancelled
	var last error
	for _, id := range ids {
		var c api.Cancelled
		if err := r.send(ctx, http.MethodDelete, jobPath(id, ""), nil, nil, &c); err != nil {
			report(io, fmt.Errorf("job %d: %w", id, err))
			last = &exit{code: exitFailed}
			continue
		}
		done = append(done, c)
	}
	if output == "json" {
		if err := printJSON(io.out, done); err != nil {
			return err
		}
		return last
	}
	for _, c := range done {
		fmt.Fprintln(io.out, cancelledInWords(c))
	}
	return last
}

func cancelledInWords(c api.Cancelled) string {
	switch {
	case c.Already && c.State.Final():
		return fmt.Sprintf("job %d had ended: %s", c.ID, c.State)
	case c.State.Active():
		return fmt.Sprintf("job %d is told to stop", c.ID)
	}
	return fmt.Sprintf("job %d cancelled", c.ID)
}

// cancelByFilter repeats the request until the server has been through all.
func cancelByFilter(ctx context.Context, io streams, r *remote, query url.Values, output string) error {
	done := []scheduler.JobID{}
	for more := true; more; {
		var bulk api.Bulk
		if err := r.send(ctx, http.MethodDelete, "/jobs", query, nil, &bulk); err != nil {
			return err
		}
		done = append(done, bulk.Cancelled...)
		more = bulk.More
	}
	if output == "json" {
		return printJSON(io.out, done)
	}
	_, err := fmt.Fprintf(io.out, "%d cancelled\n", len(done))
	return err
}
