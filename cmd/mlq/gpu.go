package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/units"
)

const detachLong = `Have a host's agent let go of the GPU driver, so that a card can be reset or the
driver unloaded. What runs goes on. All devices of that driver, the neighbours of the
card too, are unknown and get no job until mlq gpu attach.

With the name of a host it holds for all agents of that machine. The command ends when
the driver is closed, or says after 20 s that it is not yet.`

func newGPU(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gpu",
		Short: "Order something about a device (for admins); mlq gpus lists them",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(newResetHealth(io), newDetach(io), newAttach(io), newTolerate(io))
	return cmd
}

func newResetHealth(io streams) *cobra.Command {
	return ordering{
		use: "reset-health GPU", short: "Say that a sick device is well again", args: oneName("one device"),
		long: `Say that a sick device is well again: after its card was reset, or against what MLQ
believes. Where the driver says so again, it is sick again.`,
		example: `  mlq gpu reset-health GPU-4f2c --reason "reset, memtest is clean"`,
		name:    "reset-health", deviceOnly: true, done: resetInWords,
	}.command(io)
}

func newDetach(io streams) *cobra.Command {
	return ordering{
		use: "detach HOST|GPU", short: "Have the agent let go of the GPU driver", args: oneName("one host or device"),
		long: detachLong,
		example: `  mlq gpu detach gpu1 --reason "new driver" && ssh root@gpu1 rmmod nvidia_uvm nvidia
  mlq gpu detach GPU-4f2c && ssh root@gpu1 nvidia-smi --gpu-reset -i 3; mlq gpu attach GPU-4f2c`,
		name: "detach", done: detachedInWords,
	}.command(io)
}

func newAttach(io streams) *cobra.Command {
	return ordering{
		use: "attach HOST|GPU", short: "Give the agent the GPU driver back", args: oneName("one host or device"),
		long:    "Give the agent the GPU driver back, after mlq gpu detach.",
		example: `  mlq gpu attach gpu1`,
		name:    "attach", done: attachedInWords,
	}.command(io)
}

func newTolerate(io streams) *cobra.Command {
	undo := false
	cmd := ordering{
		use: "tolerate GPU SIZE|--undo", short: "Let processes of others have some memory of a device",
		long: `Let processes of others, together, have so much memory of a device without making it
foreign: a desktop, a monitor of somebody's. It holds in place of the agent's
--tolerate-foreign-mib, 0 too. --undo gives that back.`,
		example: `  mlq gpu tolerate GPU-4f2c 500MiB
  mlq gpu tolerate gpu1:3 --undo`,
		args: noToken(cobra.RangeArgs(1, 2), "one device"), name: "tolerate", deviceOnly: true, done: toleratedInWords,
		choose: func(args []string) (string, url.Values, error) { return tolerance(args, undo) },
	}.command(io)
	cmd.SetFlagErrorFunc(orNegative(noSize))
	cmd.Flags().BoolVar(&undo, "undo", false, "give the agent's own setting back")
	return cmd
}

// tolerance is the order that the arguments after the device mean.
func tolerance(args []string, undo bool) (name string, query url.Values, err error) {
	switch {
	case undo && len(args) == 0:
		return "untolerate", nil, nil
	case undo:
		return "", nil, usage("--undo takes no size")
	case len(args) == 0:
		return "", nil, usage("how much may others have?").with(`a size as 500MiB, 0 for none, or --undo`)
	}
	if _, err := units.ParseBytes(args[0]); err != nil && args[0] != "0" {
		return "", nil, noSize(args[0])
	}
	return "tolerate", url.Values{"memory": {args[0]}}, nil
}

func noSize(given string) error {
	return usage("%q is no size: %s, or 0 for none", given, units.WantBytes)
}

// ordering is a command that orders something of agents and waits until they
// have obeyed.
type ordering struct {
	use, short, long, example string
	args                      cobra.PositionalArgs
	name                      string // of the order, in the API's path
	deviceOnly                bool
	// choose is asked with the arguments after the first: another name, and more
	// of the query.
	choose func(args []string) (name string, query url.Values, err error)
	// done says what came of it.
	done func(t target, h *api.Host) string
}

func (o ordering) command(io streams) *cobra.Command {
	cmd := &cobra.Command{Use: o.use, Short: o.short, Long: o.long, Example: o.example, Args: o.args}
	server := bindServer(cmd)
	reason := cmd.Flags().String("reason", "", "shown to users")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, query := o.name, url.Values{}
		if o.choose != nil {
			var err error
			if name, query, err = o.choose(args[1:]); err != nil {
				return err
			}
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		if *reason != "" {
			query = withValue(query, "reason", *reason)
		}
		return o.run(cmd.Context(), io, r, args[0], name, query)
	}
	return cmd
}

func withValue(query url.Values, name, value string) url.Values {
	if query == nil {
		query = url.Values{}
	}
	query.Set(name, value)
	return query
}

func (o ordering) run(ctx context.Context, io streams, r *remote, what, name string, query url.Values) error {
	hosts, err := getHosts(ctx, r)
	if err != nil {
		return err
	}
	find := findTargets
	if name == "attach" || name == "untolerate" {
		find = findClosed
	}
	targets, err := find(hosts, what)
	if err != nil {
		return err
	}
	if o.deviceOnly && targets[0].device == "" {
		return failed("%s is a host; this is about one device", what).with("mlq gpus lists them; name one as %s:0, or by its UUID", targets[0].host)
	}
	var all []given
	for _, t := range targets {
		var done api.Ordered
		if err := r.send(ctx, http.MethodPost, t.path()+"/"+name, query, nil, &done); err != nil {
			return err
		}
		all = append(all, givenTo(t, &done)...)
	}
	return o.await(ctx, io, r, all)
}
