package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

const agentLong = `Be the agent of this host: offer its devices, claim jobs from the store, run
them, and hand their results to the server.

The store says who may run what; payloads, results and logs go through a server.
A job outlives its agent: the next one adopts it.`

// agentCommand are the settings of mlq agent beside those of every agent.
type agentCommand struct {
	store, namespace string
	data             *string
	timeScale        *int
	server           *serverFlags
	log              *logFlags
	agent            *agentFlags
}

func newAgent(io streams) *cobra.Command {
	var a agentCommand
	cmd := &cobra.Command{
		Use:     "agent --store URL --server URL",
		Short:   "Offer this host's devices and run jobs on them",
		Long:    agentLong,
		Example: `  mlq agent --store redis://mlq-agent:password@redis.lab:6379/0 --server https://mlq.lab:5001 --token-file /etc/mlq/agent.token`,
		Args:    none(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseUnknownVariables(cmd); err != nil {
				return err
			}
			return a.run(cmd.Context(), io)
		},
	}
	bindStore(cmd, &a.store, &a.namespace, "needed")
	a.server = bindServer(cmd)
	a.data, a.timeScale = dataFlag(cmd), timeScaleFlag(cmd)
	a.log, a.agent = bindLog(cmd, zerolog.InfoLevel, "json"), bindAgent(cmd)
	return cmd
}

func (a *agentCommand) run(ctx context.Context, io streams) (err error) {
	log, err := a.log.logger(io.err)
	if err != nil {
		return err
	}
	place, err := sharedStore(a.store, a.namespace)
	if err != nil {
		return err
	}
	times, err := timing(*a.timeScale)
	if err != nil {
		return err
	}
	server, err := a.server.agentRemote()
	if err != nil {
		return err
	}
	data, err := takeData(*a.data, "agent")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	st, err := place.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	worth, err := st.Describe(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	sched, err := scheduler.New(st, scheduler.Options{Timing: times, Log: log})
	if err != nil {
		return err
	}
	var g group
	if err := a.agent.start(ctx, &g, hostParts{data: data, scheduler: sched, server: server, log: log}); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "mlq agent for %s\nstore: %s\n", server.base, worth)
	return g.wait(ctx)
}

// sharedStore is --store of an agent alone, which must be one that a server
// elsewhere can have at the same time.
func sharedStore(url, namespace string) (storePlace, error) {
	if url == "" {
		return storePlace{}, misconfigured("an agent needs a store").with("name the Redis that the server uses: --store redis://…")
	}
	place, err := readStoreURL(url, namespace)
	if err != nil || place.kind == onRedis {
		return place, err
	}
	return place, misconfigured("an embedded store belongs to one process, so an agent alone would share it with no server").
		with("use --store redis://…, or run mlq serve --with-agent (or mlq dev) on this host")
}

// start makes the agent and runs it in the group.
func (a *agentFlags) start(ctx context.Context, g *group, p hostParts) error {
	made, provider, err := a.build(ctx, p)
	if err != nil {
		return err
	}
	g.start(ctx, "agent", func(ctx context.Context) error {
		return errors.Join(made.Run(ctx), made.Close(), provider.Close())
	})
	return nil
}
