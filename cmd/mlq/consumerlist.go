package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

var consumerListing = listing[api.Function]{
	use: "list", short: "List registered functions, and where those that are kept are loaded",
	path: "/consumer", member: "functions", table: functionsTable,
}

func newConsumerList(io streams) *cobra.Command { return consumerListing.command(io) }

func functionsTable(functions []api.Function, now time.Time) *table {
	t := &table{head: []string{"NAME", "FORM", "REGISTERED", "PROCESS"}, empty: "no functions"}
	for i := range functions {
		f := &functions[i]
		t.row(f.Name, formInWords(f), ago(f.Registered, now), processInWords(f, now))
	}
	return t
}

func formInWords(f *api.Function) string {
	if f.Keep {
		return f.Form + ", kept"
	}
	return f.Form
}

// processInWords says where a kept function is loaded.
func processInWords(f *api.Function, now time.Time) string {
	p := f.Process
	switch {
	case !f.Keep:
		return "-"
	case p == nil:
		return "starts with a message"
	case p.Loaded:
		return fmt.Sprintf("job %d, loaded on %s %s since %s", p.Job, p.Host, allInWords(p.Devices), ago(p.Since, now))
	case p.State == scheduler.Succeeded:
		return fmt.Sprintf("job %d ended; starts with a message", p.Job)
	case p.Detail != "":
		return fmt.Sprintf("job %d %s: %s", p.Job, p.State, p.Detail)
	}
	return fmt.Sprintf("job %d is %s", p.Job, p.State)
}

func newConsumerRemove(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a registered function; messages for it wait until there is one again",
		Args:  oneName("one name"),
	}
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		if err := r.send(cmd.Context(), http.MethodDelete, "/consumer", url.Values{"name": {args[0]}}, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "function %s removed\n", args[0])
		return err
	}
	return cmd
}
