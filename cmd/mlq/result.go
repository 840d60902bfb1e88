package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"syscall"
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
		return printResult(cmd.Context(), io, r, id, to, wait)
	}
	return cmd
}

// printResult writes the result to standard output or, where a file is named, to that.
func printResult(ctx context.Context, std streams, r *remote, id scheduler.JobID, to string, wait bool) error {
	response, err := openResult(ctx, std, r, id, wait)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if to != "" {
		if err := intoFile(to, func(out io.Writer) error { return copyResult(out, response, id) }); err != nil {
			return fmt.Errorf("--to: %w", err) // of which kind it is decides the exit code: a signal's
		}
		return nil
	}
	if err := copyResult(std.out, response, id); err != nil {
		return err
	}
	return endLine(std.out, response)
}

func copyResult(out io.Writer, response *http.Response, id scheduler.JobID) error {
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("result of job %d: %w", id, err)
	}
	return nil
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
// as a server waits, until there is one, and outlasts a server or a store that
// is away as mlq run does: the job goes on without them.
func openResult(ctx context.Context, io streams, r *remote, id scheduler.JobID, wait bool) (*http.Response, error) {
	if !wait {
		return r.do(ctx, http.MethodGet, jobPath(id, "/result"), nil, nil)
	}
	var response *http.Response
	query := url.Values{"wait": {serverWait.String()}}
	heard := false // of a server of MLQ
	later := func(err error, waits bool) bool { return resultLater(err, heard || waits) }
	for {
		err := insist(ctx, io, "the job goes on, trying again", later, func() (err error) {
			response, err = r.do(ctx, http.MethodGet, jobPath(id, "/result"), query, nil) //nolint:bodyclose // printResult closes it
			return err
		})
		if !has(err, api.CodeNotFinished) {
			return response, err
		}
		heard = true
	}
}

// resultLater reports whether a result that could not be had may be had later. Where no server
// was ever heard, a connection that cannot be made is a wrong URL or an authority that is
// missing; one that breaks off had a server. A proxy whose server is away answers in its place.
func resultLater(err error, heard bool) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	if problem, told := errors.AsType[*api.Error](err); told {
		return problem.Status == http.StatusBadGateway || problem.Status == http.StatusServiceUnavailable || problem.Status == http.StatusGatewayTimeout
	}
	return !untrusted && !errors.Is(err, errPin) && (heard || brokeOff(err))
}

func brokeOff(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(end error) bool { return errors.Is(err, end) })
}

// serverWait is how long a server is asked to wait for an end.
const serverWait = 30 * time.Second
