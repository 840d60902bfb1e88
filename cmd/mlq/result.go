package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func newResult(io streams) *cobra.Command {
	var to string
	var wait bool
	cmd := &cobra.Command{
		Use:   "result ID",
		Short: "Print what a job returned",
		Long: `Print what a job returned: bytes as they are, text as text, any other value as JSON.

A job that has not ended, failed or was cancelled has no result: the reason goes to
standard error and the exit code is 1.`,
		Example: "  mlq result 53\n  mlq result 53 --wait > plot.png",
		Args:    exactly(1, "one job id"),
	}
	server := bindServer(cmd)
	cmd.Flags().StringVar(&to, "to", "", "write to this file instead of standard output")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the job has ended")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, id, err := server.ofJob(args[0])
		if err != nil {
			return err
		}
		return printResult(cmd.Context(), io.out, r, id, to, wait)
	}
	return cmd
}

// printResult writes the result to out or, where a file is named, to that.
func printResult(ctx context.Context, out io.Writer, r *remote, id scheduler.JobID, to string, wait bool) error {
	response, err := openResult(ctx, r, id, wait)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	copied := func(out io.Writer) error {
		if _, err := io.Copy(out, response.Body); err != nil {
			return fmt.Errorf("result of job %d: %w", id, err)
		}
		return nil
	}
	if to != "" {
		if err := intoFile(to, copied); err != nil {
			return fmt.Errorf("--to: %w", err) // of which kind it is decides the exit code: a signal's
		}
		return nil
	}
	if err := copied(out); err != nil {
		return err
	}
	return endLine(out, response)
}

// endLine ends a text or JSON on a terminal's line; bytes stay as they are.
func endLine(out io.Writer, response *http.Response) error {
	if response.Header.Get("Content-Type") == "application/octet-stream" {
		return nil
	}
	_, err := fmt.Fprintln(out)
	return err
}

// openResult opens the result; with wait it asks again, each time for as long
// as a server waits, until there is one.
func openResult(ctx context.Context, r *remote, id scheduler.JobID, wait bool) (*http.Response, error) {
	query := url.Values{}
	if wait {
		query.Set("wait", serverWait.String())
	}
	for {
		response, err := r.do(ctx, http.MethodGet, jobPath(id, "/result"), query, nil)
		if !wait || !has(err, api.CodeNotFinished) {
			return response, err
		}
	}
}

// serverWait is how long a server is asked to wait for an end.
const serverWait = 30 * time.Second
