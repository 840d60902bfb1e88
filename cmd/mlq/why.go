package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newWhy(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why ID",
		Short: "Say why a job waits, and until about when",
		Args:  exactly(1, "one job id"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, id, err := server.ofJob(args[0])
		if err != nil {
			return err
		}
		var why api.Why
		if err := r.get(cmd.Context(), jobPath(id, "/why"), nil, &why); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(io.out, why)
		}
		return explain(io.out, &why)
	}
	return cmd
}

func explain(w io.Writer, why *api.Why) error {
	if why.Position > 0 {
		over := ""
		if why.PositionOver {
			over = "> "
		}
		fmt.Fprintf(w, "place %s%d\n", over, why.Position)
	}
	for _, reason := range why.Reasons {
		fmt.Fprintf(w, "- %s\n", harmless(reason.Text))
	}
	if why.Estimate.Basis == "" { // it waits no more
		return nil
	}
	_, err := fmt.Fprintln(w, estimateInWords(why.Estimate))
	return err
}

func estimateInWords(e api.Estimate) string {
	if e.Earliest == nil || e.Latest == nil {
		return "starts: unknown (" + harmless(strings.TrimPrefix(e.Basis, "unknown: ")) + ")"
	}
	if *e.Latest == 0 {
		return "starts at once (" + harmless(e.Basis) + ")"
	}
	return fmt.Sprintf("starts in %s to %s (%s)", fromSeconds(*e.Earliest), fromSeconds(*e.Latest), harmless(e.Basis))
}

func fromSeconds(s float64) string { return short(time.Duration(s * float64(time.Second))) }
