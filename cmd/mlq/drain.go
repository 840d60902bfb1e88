package main

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newDrain(io streams) *cobra.Command {
	var device, reason string
	var undo bool
	cmd := &cobra.Command{
		Use:   "drain [HOST]",
		Short: "Give a host or a device no new jobs (for admins)",
		Long:  `Give a host, or with --device one device, no new jobs. What runs goes on. --undo opens it again.`,
		Example: `  mlq drain gpu1 --reason "new driver on Friday"
  mlq drain --device GPU-4f2c… --undo`,
		Args: cobra.ArbitraryArgs,
	}
	server := bindServer(cmd)
	cmd.Flags().StringVar(&device, "device", "", "UUID of one device, instead of a host")
	cmd.Flags().StringVar(&reason, "reason", "", "shown to users")
	cmd.Flags().BoolVar(&undo, "undo", false, "give it jobs again")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, what, err := drainPath(args, device, undo)
		if err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		query := url.Values{}
		if reason != "" {
			query.Set("reason", reason)
		}
		if err := r.send(cmd.Context(), http.MethodPost, path, query, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintln(io.out, what)
		return err
	}
	return cmd
}

// drainPath is what to ask the server for, and what to say when it is done.
func drainPath(args []string, device string, undo bool) (path, said string, err error) {
	if len(args) > 1 || (len(args) == 1) == (device != "") {
		return "", "", usage("want one host, or --device UUID").with("mlq hosts and mlq gpus list them")
	}
	path, said = "/gpus/"+url.PathEscape(device), device
	if device == "" {
		path, said = "/hosts/"+url.PathEscape(args[0]), args[0]
	}
	if undo {
		return path + "/undrain", said + " takes new jobs again", nil
	}
	return path + "/drain", said + " takes no new jobs", nil
}
