package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

const runLong = `Run a program on a device. Its output follows as it comes, and its exit code is
passed on. Where the job waits, a line on standard error says why. Ctrl-C cancels
the job; a second one stops waiting for that.

The program starts in --workdir; without that in this directory, where that path exists
on the host, else in the job's own; the job's log says which. Its standard input is empty. With -d it
runs on its own, and its id is printed.`

// cancelPatience is how long Ctrl-C waits for the job's end, beyond its grace.
const cancelPatience = 90 * time.Second

func newRun(io streams) *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:     "run [flags] -- COMMAND…",
		Short:   "Run a program on a device, here in the terminal",
		Long:    runLong,
		Example: "  mlq run -- nvidia-smi\n  mlq run --gpus 2 --timeout 2h -- python train.py --epochs 3",
		Args:    cobra.ArbitraryArgs,
	}
	server, request := bindServer(cmd), bindRequest(cmd)
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "print the job's id and return")
	cmd.Flags().SetInterspersed(false) // flags after COMMAND are the command's
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("mlq run needs a command").with("mlq run -- COMMAND…")
		}
		fields, err := request.fields(cmd)
		if err != nil {
			return err
		}
		if err := addCommand(fields, args); err != nil {
			return err
		}
		r, id, err := server.submit(cmd.Context(), io, fields)
		if err != nil {
			return err
		}
		if detach {
			_, err = fmt.Fprintln(io.out, id)
			return err
		}
		return followRun(cmd.Context(), io, r, id)
	}
	return cmd
}

// addCommand names the program and this directory, where that may be where it starts:
// --workdir says otherwise.
func addCommand(fields map[string]any, command []string) error {
	fields["command"] = command
	if fields["workdir"] != nil {
		return nil
	}
	cwd, err := os.Getwd()
	if err != nil {
		return failed("this directory: %w", err)
	}
	fields["cwd"] = cwd
	return nil
}

// followRun streams the job's output; a signal cancels it.
func followRun(ctx context.Context, io streams, r *remote, id scheduler.JobID) error {
	err := followLog(ctx, io, r, id)
	if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
		return cancelRun(ctx, io, r, id, s)
	}
	if err != nil {
		return failed("%w", err).with("the job goes on: mlq logs -f %d, or mlq cancel %d", id, id)
	}
	job, err := followedToEnd(ctx, io, r, id)
	if err != nil {
		return err
	}
	return passOn(job)
}

// cancelRun cancels the job and waits for its end, so that what comes after
// finds its processes gone.
func cancelRun(ctx context.Context, io streams, r *remote, id scheduler.JobID, s signalled) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	defer cancel()
	fmt.Fprintf(io.err, "mlq: cancelling job %d\n", id)
	if err := r.send(ctx, http.MethodDelete, jobPath(id, ""), nil, nil, nil); err != nil {
		return err
	}
	job, err := endedJob(ctx, r, id)
	if err != nil {
		return failed("job %d was told to stop: %w", id, err)
	}
	e := signalCode(s)
	e.err = fmt.Errorf("job %d %s", id, endInWords(job))
	return e
}

// passOn ends this process as the program ended: its exit code, 128 + N for a
// signal, 1 where it never ran to an end.
func passOn(job *api.Job) error {
	if job.State == scheduler.Succeeded {
		return nil
	}
	e := &exit{code: exitFailed, err: fmt.Errorf("job %d %s", job.ID, endInWords(job))}
	if n := len(job.Attempts); n > 0 && job.Reason == scheduler.ReasonError {
		if code := job.Attempts[n-1].ExitCode; code > 0 {
			e.code = code
		}
	}
	if n := len(job.Attempts); n > 0 && job.Reason == scheduler.ReasonKilled {
		if number := unix.SignalNum(job.Attempts[n-1].Signal); number > 0 {
			e.code = exitSignal + int(number)
		}
	}
	return e
}
