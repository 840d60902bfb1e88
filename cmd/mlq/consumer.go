package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

const consumerLong = `Keep a function of a Python file loaded: messages that are posted for it run in one
process, which keeps its device and what the file's code has loaded between them.
The file's source is sent. The process starts with the first message. It ends when
nothing came for --idle, or after 10 s where others wait for its device, and starts
again with the next message.

The command follows what becomes of the process and what it prints, until Ctrl-C.
The function stays registered until mlq consumer remove.`

func newConsumer(io streams) *cobra.Command {
	var idle string
	var detach bool
	cmd := &cobra.Command{
		Use:   "consumer FILE.py:FUNCTION",
		Short: "Keep a function loaded, for the messages that are posted for it",
		Long:  consumerLong,
		Example: `  mlq consumer model.py:predict --gpus 1 --idle 30m
  mlq post '{"text": "hello"}' --functions predict
  mlq consumer list`,
		Args: cobra.ArbitraryArgs,
	}
	server, request := bindServer(cmd), bindRequest(cmd)
	cmd.Flags().StringVar(&idle, "idle", "", "how long the process waits for a message before it ends (default 30m)")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "register the function and return")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fields, err := request.fields(cmd)
		if err != nil {
			return err
		}
		query, source, err := keptFunction(fields, args)
		if err != nil {
			return err
		}
		if idle != "" {
			query.Set("idle", idle)
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		before, err := registered(cmd.Context(), r, query.Get("name"))
		if err != nil {
			return err
		}
		fn, err := keepFunction(cmd.Context(), r, query, source)
		if err != nil {
			return err
		}
		fmt.Fprintf(io.out, "function %s is registered; its process starts with the first message\n", fn.Name)
		if detach {
			return nil
		}
		return followProcess(cmd.Context(), io, r, fn.Name, endedProcess(before))
	}
	cmd.AddCommand(newConsumerList(io), newConsumerRemove(io))
	return cmd
}

// keptFunction reads FILE.py:FUNCTION, and turns the request fields into parameters.
func keptFunction(fields map[string]any, args []string) (url.Values, []byte, error) {
	if len(args) != 1 {
		return nil, nil, usage("mlq consumer takes one FILE.py:FUNCTION, got %d arguments", len(args)).with("see mlq consumer --help")
	}
	colon := strings.LastIndex(args[0], ":")
	if colon < 1 || !functionName.MatchString(args[0][colon+1:]) {
		return nil, nil, usage("%q: want FILE.py:FUNCTION", args[0]).with("for example model.py:predict; there are mlq consumer list and mlq consumer remove NAME, too")
	}
	source, err := os.ReadFile(args[0][:colon])
	if err != nil {
		return nil, nil, failed("%w", err)
	}
	query := url.Values{"keep": {"1"}, "name": {args[0][colon+1:]}, "filename": {filepath.Base(args[0][:colon])}}
	for name, value := range fields {
		text, isText := value.(string)
		if !isText {
			raw, err := json.Marshal(value)
			if err != nil {
				return nil, nil, fmt.Errorf("encode: %w", err)
			}
			text = string(raw)
		}
		if name == "name" {
			return nil, nil, usage("--name: the process has the name of its function")
		}
		query.Set(name, text)
	}
	return query, source, nil
}

func keepFunction(ctx context.Context, r *remote, query url.Values, source []byte) (fn api.Function, err error) {
	request, err := r.request(ctx, http.MethodPost, "/consumer", query, bytes.NewReader(source))
	if err != nil {
		return fn, err
	}
	request.Header.Set("Content-Type", "text/x-python")
	response, err := r.answer(request)
	if err != nil {
		return fn, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if err := json.NewDecoder(response.Body).Decode(&fn); err != nil {
		return fn, badAnswer(r.base, err)
	}
	return fn, nil
}

// processAgain is how often the server is asked whether there is a process.
const processAgain = time.Second

// endedProcess is the last process of a function where that has ended, 0 where there is none.
func endedProcess(fn *api.Function) scheduler.JobID {
	if fn == nil || fn.Process == nil || !fn.Process.State.Final() {
		return 0
	}
	return fn.Process.Job
}

// followProcess shows what the processes of a function after last print, one after the
// other; also one that has ended by now, as where the file cannot be loaded.
func followProcess(ctx context.Context, io streams, r *remote, name string, last scheduler.JobID) error {
	for {
		var fn *api.Function
		err := persist(ctx, io, func() (err error) {
			fn, err = registered(ctx, r, name)
			return err
		})
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		case fn == nil:
			_, err := fmt.Fprintf(io.out, "function %s is not registered any more\n", name)
			return err
		case fn.Process != nil && fn.Process.Job != last:
			last = fn.Process.Job
			if err := showProcess(ctx, io, r, last); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(processAgain):
		}
	}
}

// showProcess shows one process to its end.
func showProcess(ctx context.Context, io streams, r *remote, id scheduler.JobID) error {
	fmt.Fprintf(io.err, "mlq: job %d is the process\n", id)
	if err := followLog(ctx, io, r, id); err != nil {
		return ignoreStop(ctx, err)
	}
	job, err := followedToEnd(ctx, io, r, id)
	if err != nil {
		return ignoreStop(ctx, err)
	}
	fmt.Fprintf(io.err, "mlq: job %d %s; the next message starts another\n", id, endInWords(job))
	return nil
}

// ignoreStop: Ctrl-C is how the command ends; the process goes on.
func ignoreStop(ctx context.Context, err error) error {
	if context.Cause(ctx) != nil {
		return nil
	}
	return err
}

// registered is a function by its name, nil where there is none.
func registered(ctx context.Context, r *remote, name string) (*api.Function, error) {
	list, err := consumerListing.get(ctx, r)
	if i := slices.IndexFunc(list, func(f api.Function) bool { return f.Name == name }); i >= 0 {
		return &list[i], err
	}
	return nil, err
}
