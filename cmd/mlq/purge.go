package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/units"
)

func newPurge(io streams) *cobra.Command {
	var filter filterFlags
	var bulk bulkFlags
	var older string
	cmd := &cobra.Command{
		Use:   "purge --older AGE",
		Short: "Forget jobs that ended long ago",
		Long: `Forget jobs that ended at least so long ago: your own, an admin's: everybody's. Their
records and small results go at once; blobs and logs go with the server's next
collections, about a day later. Asks first; without a terminal it wants --yes. It can be
ended and repeated at any time.`,
		Example: "  mlq purge --older 90d --dry-run\n  mlq purge --older 30d --state failed,cancelled --yes",
		Args:    none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	filter.bind(cmd)
	filter.bindReason(cmd)
	cmd.Flags().StringVar(&older, "older", "", "how long ago they must have ended, as 90d")
	cmd.Flags().BoolVarP(&bulk.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&bulk.dryRun, "dry-run", false, "say how many jobs and bytes it would be, and forget nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if age, err := units.ParseDuration(older); err != nil || age <= 0 {
			return usage("--older %q: want how long ago they must have ended, above 0, as 90d", older)
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		query := filter.query()
		query.Set("older", older)
		return purge(cmd.Context(), io, r, query, bulk, *output)
	}
	return cmd
}

// purge looks first: at what a person is asked about, or for --dry-run.
func purge(ctx context.Context, io streams, r *remote, query url.Values, bulk bulkFlags, output string) error {
	if bulk.dryRun || !bulk.yes {
		look := cloneValues(query)
		look.Set("dry_run", "1")
		found, err := purgeAll(ctx, io, r, look, "%d jobs found so far")
		if err != nil {
			return err
		}
		if bulk.dryRun || found.Jobs == 0 {
			return tellPurged(io, found, "would be forgotten", output)
		}
		if err := confirm(ctx, io, "forget "+purgedInWords(found)+"?"); err != nil {
			return err
		}
	}
	done, err := purgeAll(ctx, io, r, query, "%d jobs forgotten so far")
	if err != nil {
		fmt.Fprintf(io.err, "mlq: %s forgotten; the same command goes on\n", count(done.Jobs, "job"))
		return err
	}
	return tellPurged(io, done, "forgotten", output)
}

// purgeAll repeats the request until the server has been through all.
func purgeAll(ctx context.Context, io streams, r *remote, query url.Values, so string) (sum api.Purged, err error) {
	told := progress{io: io}
	for {
		var part api.Purged
		if err := r.send(ctx, http.MethodPost, "/purge", query, nil, &part); err != nil {
			return sum, err
		}
		sum.Jobs, sum.Bytes, sum.Followed = sum.Jobs+part.Jobs, sum.Bytes+part.Bytes, append(sum.Followed, part.Followed...)
		if part.Next == "" {
			return sum, nil
		}
		query.Set("before", part.Next)
		told.at(so, sum.Jobs)
	}
}

func purgedInWords(p api.Purged) string {
	return fmt.Sprintf("%s with up to %s of results, files and logs", count(p.Jobs, "job"), size(p.Bytes))
}

func tellPurged(io streams, p api.Purged, what, output string) error {
	if output == "json" {
		return printJSON(io.out, p)
	}
	if _, err := fmt.Fprintln(io.out, purgedInWords(p), what); err != nil {
		return err
	}
	if len(p.Followed) == 0 {
		return nil
	}
	ids := make([]string, len(p.Followed))
	for i, id := range p.Followed {
		ids[i] = idText(id)
	}
	_, err := fmt.Fprintln(io.out, "kept, because others still follow them:", strings.Join(ids, " "))
	return err
}
