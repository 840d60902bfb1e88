package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

const submitLong = `Submit a function of a Python file. The file's source is sent; the function is
called with MSG: JSON where it is valid JSON, else the text itself (which then must
not begin with { [ or "); without MSG, with no argument.

Prints the job's id alone. With --wait the job's output follows, and the exit
code is 0 if it succeeded and 1 if not.`

func newSubmit(io streams) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "submit FILE.py:FUNCTION [MSG]",
		Short: "Submit a Python function and print the job's id",
		Long:  submitLong,
		Example: `  mlq submit train.py:train '{"lr": 0.001}' --gpus 1 --timeout 2h
  id=$(mlq submit train.py:train 3) && mlq result --wait $id`,
		Args: cobra.ArbitraryArgs,
	}
	server, request := bindServer(cmd), bindRequest(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "stream the job's output and wait for its end")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fields, err := request.fields(cmd)
		if err != nil {
			return err
		}
		if err := addSource(fields, args); err != nil {
			return err
		}
		r, id, err := server.submit(cmd.Context(), io, fields)
		if err != nil {
			return err
		}
		fmt.Fprintln(io.out, id)
		if !wait {
			return nil
		}
		return streamed(cmd.Context(), io, r, id)
	}
	return cmd
}

var functionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// addSource reads FILE.py:FUNCTION and MSG.
func addSource(fields map[string]any, args []string) error {
	const want = "FILE.py:FUNCTION and at most one MSG"
	if len(args) < 1 || len(args) > 2 {
		return usage("mlq submit takes %s, got %d arguments", want, len(args)).with("see mlq submit --help")
	}
	colon := strings.LastIndex(args[0], ":")
	if colon < 1 || !functionName.MatchString(args[0][colon+1:]) {
		return usage("%q: want FILE.py:FUNCTION", args[0]).with("for example train.py:main")
	}
	file := args[0][:colon]
	source, err := os.ReadFile(file)
	if err != nil {
		return failed("%w", err)
	}
	fields["source"], fields["function"], fields["filename"] = string(source), args[0][colon+1:], filepath.Base(file)
	if len(args) == 2 {
		fields["msg"], err = readMessage(args[1])
	}
	return err
}

// submit submits a job, and gives its id with the server that has it.
func (s *serverFlags) submit(ctx context.Context, io streams, fields map[string]any) (*remote, scheduler.JobID, error) {
	r, err := s.remote()
	if err != nil {
		return nil, 0, err
	}
	id, err := submitJob(ctx, io, r, fields)
	return r, id, err
}

// submitJob submits once, whatever happens to the answer: the key makes a
// repeat find the same job. So it is repeated while the store is away.
func submitJob(ctx context.Context, io streams, r *remote, fields map[string]any) (id scheduler.JobID, err error) {
	if _, given := fields["key"]; !given {
		fields["key"] = rand.Text()
	}
	err = insist(ctx, io, "whether the job is submitted is not known, trying again", submitLater, func() error {
		return r.send(ctx, http.MethodPost, "/jobs", nil, fields, &id)
	})
	return id, err
}

// streamed copies the job's output until it has ended, and turns how it ended
// into exit code 0 or 1.
func streamed(ctx context.Context, io streams, r *remote, id scheduler.JobID) error {
	err := followLog(ctx, io, r, id)
	if err != nil {
		return err
	}
	job, err := followedToEnd(ctx, io, r, id)
	if err != nil || job.State == scheduler.Succeeded {
		return err
	}
	return failed("job %d %s", id, endInWords(job))
}
