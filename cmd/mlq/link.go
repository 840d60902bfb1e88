package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newLink(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link ID [PATH]",
		Short: "Make a link to a result, file or log that needs no token",
		Long: `Print a URL that needs no token: for a mail, an image in a page, another's browser.
Whoever has it can read that one thing of the job until it expires, or until
the token that it was made with is revoked.

PATH is result (the default), result.EXT, files/NAME, logs or events. It need
not be there yet.`,
		Example: "  mlq link 53\n  mlq link 53 files/plots/loss.png --ttl 24h",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return usage("mlq link takes a job id and what of it, got %d arguments", len(args)).with("see %s --help", cmd.CommandPath())
		},
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	ttl := durationFlag(cmd.Flags(), "ttl", time.Hour, "how long it is good, at most 24h")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, id, err := server.ofJob(args[0])
		if err != nil {
			return err
		}
		wanted := map[string]any{"ttl": ttl.Seconds()}
		if len(args) == 2 {
			wanted["path"] = args[1]
		}
		var made api.Link
		if err := r.send(cmd.Context(), http.MethodPost, jobPath(id, "/links"), nil, wanted, &made); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(io.out, made)
		}
		_, err = fmt.Fprintln(io.out, made.URL)
		return err
	}
	return cmd
}
