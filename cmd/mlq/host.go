package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newHost(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Let hosts join and go (for admins); mlq hosts lists them",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(newHostAdd(io), newHostRemove(io), newHostForget(io))
	return cmd
}

// invitation is what host add says to programs.
type invitation struct {
	Host    string    `json:"host"`
	Code    string    `json:"code"`
	Expires time.Time `json:"expires"`
	URL     string    `json:"url"`
	Pin     string    `json:"pin,omitempty"`
	Command string    `json:"command"`
}

func newHostAdd(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a code with which a host joins, once, within 15 minutes",
		Long: `Make a code with which one machine joins as host NAME, and print the command
to run there. It is good once and for 15 minutes; adding the host again makes a
new code and ends the old one.`,
		Example: `  mlq host add gpu1
  mlq host add gpu1 | ssh root@gpu1 sh`,
		Args: oneName("the name of one host"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		var made api.Admission
		if err := r.send(cmd.Context(), http.MethodPost, "/hosts", nil, map[string]string{"host": args[0]}, &made); err != nil {
			return takenName(err, args[0])
		}
		at := r.addressOf(made.URL)
		line := "mlq agent join " + at.url + " --code " + made.Code + at.flag()
		if warning := at.warning(); warning != "" {
			fmt.Fprintln(io.err, "note:", warning)
		}
		if *output == "json" {
			return printJSON(io.out, invitation{made.Host, made.Code, made.Expires, at.url, at.pin, line})
		}
		fmt.Fprintf(io.err, "on %s, within %s (as root, add --systemd to install the service):\n", made.Host, in(made.Expires, time.Now()))
		_, err = fmt.Fprintln(io.out, line)
		return err
	}
	return cmd
}

func takenName(err error, name string) error {
	if has(err, api.CodeHostTaken) {
		return failed("%w", err).with("take another name, or first: mlq host rm %s", name)
	}
	return err
}

func newHostRemove(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "End a host's token and its code, so that its agent can do nothing any more",
		Args:    oneName("the name of one host"),
	}
	server := bindServer(cmd)
	force := cmd.Flags().Bool("force", false, "also while jobs run there: they are lost when their leases end")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		query := url.Values{}
		if *force {
			query.Set("force", "true")
		}
		var gone api.Removed
		err = r.send(cmd.Context(), http.MethodDelete, "/hosts/"+url.PathEscape(args[0]), query, nil, &gone)
		if has(err, api.CodeHostBusy) {
			return failed("%w", err).with("mlq drain %s; then, when mlq lease shows nothing of it, again; or --force", args[0])
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "host %s removed%s\n", gone.Host, lostJobs(gone))
		return err
	}
	return cmd
}

func lostJobs(gone api.Removed) string {
	if len(gone.Jobs) == 0 {
		return ""
	}
	words := make([]string, len(gone.Jobs))
	for i, id := range gone.Jobs {
		words[i] = fmt.Sprint(id)
	}
	return "; its jobs are lost when their leases end: " + strings.Join(words, ", ")
}
