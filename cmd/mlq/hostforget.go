package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newHostForget(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget NAME",
		Short: "Forget a host that is gone for good, so that no job waits for its devices",
		Long: `Forget a host that is gone for good, with all its agents. For a week after its last
sign of life a host counts for what can ever run, so that jobs wait for it; a
host that was forgotten does not. It is back as soon as an agent of it joins:
mlq host rm ends the right to do that.`,
		Args: oneName("the name of one host"),
	}
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		hosts, err := getHosts(cmd.Context(), r)
		if err != nil {
			return err
		}
		targets, err := findTargets(hosts, args[0])
		if err != nil {
			return err
		}
		for _, t := range targets {
			if t.device != "" {
				return failed("%s is a device of %s", t.device, t.host).with("mlq host forget %s", t.host)
			}
			var gone api.ForgottenHost
			if err := r.send(cmd.Context(), http.MethodPost, t.path()+"/forget", nil, nil, &gone); err != nil {
				return stillThere(err, t.host)
			}
			if _, err := fmt.Fprintf(io.out, "host %s is forgotten\n", gone.Host); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func stillThere(err error, host string) error {
	switch {
	case has(err, "host-alive"):
		return failed("%w", err).with("only a host that is gone is forgotten; stop its agent first, or close it: mlq drain %s", host)
	case has(err, api.CodeHostBusy):
		return failed("%w", err).with("the servers end them within seconds of the host's own time; then again")
	}
	return err
}
