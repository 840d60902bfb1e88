package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

const agentLong = `Be the agent of this host: offer its devices, claim jobs, run them, and hand
their results to the server.

Everything goes through the server over HTTPS; the token is one of the role
agent whose user is this host's name. With --store the agent decides on the
store itself, and only payloads, results and logs go through the server.
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
		Use:   "agent --server URL",
		Short: "Offer this host's devices and run jobs on them",
		Long:  agentLong,
		Example: `  mlq agent --server https://mlq.lab:5001 --token-file /etc/mlq/agent.token
  mlq agent --env-file /etc/mlq/agent.env     # with MLQ_STORE, MLQ_URL, MLQ_TOKEN_FILE`,
		Args: none(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := refuseUnknownVariables(cmd); err != nil {
				return err
			}
			return a.run(cmd.Context(), io)
		},
	}
	bindStore(cmd, &a.store, &a.namespace, "default: none, the server is asked")
	a.server = bindServer(cmd)
	envFileFlag(cmd.Flags())
	cmd.AddCommand(newJoin(io))
	a.data, a.timeScale = dataFlag(cmd), timeScaleFlag(cmd)
	a.log, a.agent = bindLog(cmd, zerolog.InfoLevel, "json"), bindAgent(cmd)
	return cmd
}

func (a *agentCommand) run(ctx context.Context, io streams) (err error) {
	log, err := a.log.logger(io.err)
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
	place, err := sharedStore(a.store, a.namespace)
	if err != nil {
		return err
	}
	if err := a.agent.check(); err != nil {
		return err
	}
	data, err := takeData(*a.data, a.agent.role())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	host := hostParts{data: data, server: server, timing: times, log: log}
	if place == nil {
		return a.serve(ctx, io, host, "")
	}
	return a.onStore(ctx, io, host, *place)
}

// onStore is the agent that decides on the store itself.
func (a *agentCommand) onStore(ctx context.Context, io streams, host hostParts, place storePlace) (err error) {
	st, err := place.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	worth, err := st.Describe(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	sched, err := scheduler.New(st, scheduler.Options{Timing: host.timing, Log: host.log, Version: version})
	if err == nil {
		err = sched.OpenSchema(ctx, false)
	}
	if err != nil {
		return err
	}
	host.scheduler = sched
	return a.serve(ctx, io, host, "store: "+worth+"\n")
}

// serve runs the agent until a signal.
func (a *agentCommand) serve(ctx context.Context, io streams, host hostParts, more string) error {
	var g group
	watch := &supervision{log: host.log}
	host.watch = watch
	if err := a.agent.start(ctx, &g, host); err != nil {
		return err
	}
	if err := watch.start(ctx, &g); err != nil {
		g.stop()
		return err
	}
	fmt.Fprintf(io.out, "mlq agent for %s\n%s", host.server.base, more)
	return g.wait(ctx)
}

// sharedStore is --store of an agent alone, which must be one that a server
// elsewhere can have at the same time; nil: there is none.
func sharedStore(url, namespace string) (*storePlace, error) {
	if url == "" && namespace != "" {
		return nil, misconfigured("--namespace is part of a store, and no --store is named").with("leave it out: the server knows its namespace")
	}
	if url == "" {
		return nil, nil
	}
	place, err := readStoreURL(url, namespace)
	if err != nil || place.kind == onRedis {
		return &place, err
	}
	return nil, misconfigured("an embedded store belongs to one process, so an agent alone would share it with no server").
		with("leave --store out: the server is asked; or use --store redis://…")
}

// start makes the agent and runs it in the group.
func (a *agentFlags) start(ctx context.Context, g *group, p hostParts) error {
	joined := make(chan struct{})
	tell := sync.OnceFunc(func() { close(joined) })
	made, provider, err := a.build(ctx, p, func(uint64) {
		tell()
		if p.joined != nil {
			p.joined()
		}
	})
	if err != nil {
		return err
	}
	if p.watch != nil {
		p.watch.add(agentSigns(made, joined))
	}
	g.start(ctx, "agent", func(ctx context.Context) error {
		return errors.Join(barred(made.Run(ctx)), made.Close(), provider.Close())
	})
	return nil
}

// barred says what lets an agent in whose token does not.
func barred(err error) error {
	if errors.Is(err, scheduler.ErrForbidden) {
		return failed("%w", err).with("an agent's token is that of its host: mlq token create --role agent --user HOST")
	}
	return err
}
