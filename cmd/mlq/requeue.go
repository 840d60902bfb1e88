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

func newRequeue(io streams) *cobra.Command {
	var filter filterFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "requeue [ID…]",
		Short: "Run failed or cancelled jobs again, as new jobs",
		Long: `Run failed or cancelled jobs again, each as a new job with the same call. The old
job keeps its state. Prints the new ids.`,
		Example: "  mlq requeue 53\n  mlq requeue --state failed --name ablation\n  mlq requeue --reason lost,oom",
		Args:    cobra.ArbitraryArgs,
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	filter.bind(cmd)
	filter.bindReason(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all your failed and cancelled jobs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := selected(args, &filter, all)
		if err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		done, failure := requeueAll(cmd.Context(), io, r, ids, bulkQuery(&filter, all))
		if *output == "json" {
			if err := printJSON(io.out, done); err != nil {
				return err
			}
			return failure
		}
		for _, d := range done {
			fmt.Fprintln(io.out, d.To)
		}
		return failure
	}
	return cmd
}

// requeueAll requeues by id where ids are given, else by filter. What was done
// is returned with the error of what was not.
func requeueAll(ctx context.Context, io streams, r *remote, ids []scheduler.JobID, query url.Values) ([]api.Requeued, error) {
	if len(ids) == 0 {
		return requeueByFilter(ctx, r, query)
	}
	done := []api.Requeued{}
	var last error
	for _, id := range ids {
		var to scheduler.JobID
		if err := r.send(ctx, http.MethodPost, jobPath(id, "/requeue"), nil, nil, &to); err != nil {
			report(io, fmt.Errorf("job %d: %w", id, err))
			last = &exit{code: exitFailed}
			continue
		}
		done = append(done, api.Requeued{From: id, To: to})
	}
	return done, last
}

func requeueByFilter(ctx context.Context, r *remote, query url.Values) ([]api.Requeued, error) {
	done := []api.Requeued{}
	for {
		var bulk api.Bulk
		if err := r.send(ctx, http.MethodPost, "/jobs/requeue", query, nil, &bulk); err != nil {
			return done, err
		}
		done = append(done, bulk.Requeued...)
		if !bulk.More {
			return done, nil
		}
	}
}
