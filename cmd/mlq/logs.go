package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

func newLogs(io streams) *cobra.Command {
	var follow bool
	var attempt int
	cmd := &cobra.Command{
		Use:     "logs ID",
		Short:   "Print what a job printed",
		Example: "  mlq logs 53\n  mlq logs -f 53        # as it comes, until the job has ended",
		Args:    exactly(1, "one job id"),
	}
	server := bindServer(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the job has ended")
	cmd.Flags().IntVar(&attempt, "attempt", 0, "of this attempt (default: the last)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := readID(args[0])
		if err != nil {
			return err
		}
		if attempt < 0 {
			return usage("--attempt %d: want a number from 1", attempt)
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		if follow {
			defer tellNotices(cmd.Context(), io, r, id, false)()
		}
		if follow && attempt == 0 {
			return (&logFollower{io: io, r: r, id: id}).follow(cmd.Context())
		}
		return copyLog(cmd.Context(), io.out, r, id, attempt, follow)
	}
	return cmd
}

// copyLog copies the log to out; followed, until the job has ended.
func copyLog(ctx context.Context, out io.Writer, r *remote, id scheduler.JobID, attempt int, follow bool) error {
	query := url.Values{}
	if follow {
		query.Set("follow", "1")
	}
	if attempt > 0 {
		query.Set("attempt", strconv.Itoa(attempt))
	}
	response, err := r.do(ctx, http.MethodGet, jobPath(id, "/logs"), query, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(out, response.Body); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return fmt.Errorf("log of job %d: %w", id, err)
	}
	return nil
}
