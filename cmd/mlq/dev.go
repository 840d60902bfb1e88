package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/callback"
)

const devLong = `Run everything in one process: store, server and the agent of this host. It
listens on loopback only and needs no token from the user who started it.

With a COMMAND, that is run once all is ready, with MLQ_URL set; --once ends
everything after it, with its exit code.`

// devFlags are the settings of mlq dev.
type devFlags struct {
	store, namespace, blobs string
	data, listen            *string
	timeScale               *int
	maxBlob                 *int64
	keepOrphans             *time.Duration
	limits                  *timeLimits
	keeping                 *keeping
	once                    bool
	log                     *logFlags
	agent                   *agentFlags
	origins                 *[]string
	callbacks               *[]string
}

func newDev(io streams) *cobra.Command {
	var d devFlags
	cmd := &cobra.Command{
		Use:   "dev [-- COMMAND…]",
		Short: "Run everything on this machine, for a start",
		Long:  devLong,
		Example: `  mlq dev
  mlq dev --once -- python train.py`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseUnknownVariables(cmd); err != nil {
				return err
			}
			if err := d.check(cmd, args); err != nil {
				return err
			}
			return d.run(cmd.Context(), io, args)
		},
	}
	f := cmd.Flags()
	bindStore(cmd, &d.store, &d.namespace, "default: local:DATA/store")
	f.StringVar(&d.blobs, "blobs", "", "folder of payloads and results (default DATA/blobs)")
	f.BoolVar(&d.once, "once", false, "end after COMMAND, with its exit code")
	variable(f, "blobs", "MLQ_BLOBS")
	d.data, d.listen, d.timeScale, d.maxBlob = dataFlag(cmd), listenFlag(cmd), timeScaleFlag(cmd), maxBlobFlag(cmd)
	d.keepOrphans, d.limits, d.keeping = keepOrphansFlag(cmd), bindTimeLimits(cmd, 0, 0), bindKeeping(cmd)
	d.origins = originsFlag(cmd)
	d.callbacks = callbacksFlag(cmd, callback.All)
	d.log, d.agent = bindLog(cmd, zerolog.WarnLevel, "text"), bindAgent(cmd)
	return cmd
}

func (d *devFlags) check(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		return usage("mlq dev takes a command only after --, got %q", args[0]).with("mlq dev -- %s", args[0])
	}
	if d.once && len(args) == 0 {
		return usage("--once needs a command").with("mlq dev --once -- COMMAND")
	}
	return nil
}

func (d *devFlags) run(ctx context.Context, io streams, command []string) (err error) {
	c, err := d.config(io)
	if err != nil {
		return err
	}
	if c.data, err = takeData(*d.data, "serve"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.data.close()) }()
	if err := d.fill(&c); err != nil {
		return err
	}
	srv, err := newServer(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	return d.serve(ctx, io, srv, c, command)
}

func (d *devFlags) config(io streams) (c serverConfig, err error) {
	c = serverConfig{listen: *d.listen, maxBlob: *d.maxBlob, keepOrphans: *d.keepOrphans, limits: *d.limits, keeping: *d.keeping, origins: *d.origins, dev: true}
	if c.log, err = d.log.logger(io.err); err != nil {
		return c, err
	}
	if err := checkOrigins(c.origins); err != nil {
		return c, err
	}
	if c.callbacks, err = readCallbacks(*d.callbacks); err != nil {
		return c, err
	}
	if err := d.limits.check(); err != nil {
		return c, err
	}
	if err := d.keeping.check(); err != nil {
		return c, err
	}
	if err := checkListen(c.listen); err != nil {
		return c, err
	}
	if !loopbackOnly(c.listen) {
		return c, misconfigured("mlq dev listens on loopback only, not on %s", c.listen).with("mlq serve has tokens and TLS for more")
	}
	if c.timing, err = timing(*d.timeScale); err != nil {
		return c, err
	}
	if err := d.agent.check(); err != nil {
		return c, err
	}
	c.owner, err = thisUser()
	return c, err
}

func (d *devFlags) fill(c *serverConfig) (err error) {
	place := d.store
	if place == "" {
		place = "local:" + c.data.join("store")
	}
	c.blobs = d.blobs
	if c.blobs == "" {
		c.blobs = c.data.join("blobs")
	}
	c.store, err = readStoreURL(place, d.namespace)
	return err
}

// serve starts all parts, tells what there is, runs the command, and waits.
func (d *devFlags) serve(ctx context.Context, io streams, srv *server, c serverConfig, command []string) error {
	var g group
	srv.startLoops(ctx, &g)
	if err := d.startAgent(ctx, &g, srv, c); err != nil {
		g.stop()
		return err
	}
	// Not before the devices are known: what can never run is refused from the first request on.
	srv.answer(ctx, &g)
	fmt.Fprintf(io.out, "mlq dev at %s (no token needed for %s)\n", srv.url, c.owner.Name)
	fmt.Fprintf(io.out, "store: %s\npage: %s/\n", srv.worth, srv.url)
	if err := describeHosts(ctx, io, srv.scheduler); err != nil {
		g.stop()
		return err
	}
	return d.work(ctx, io, &g, srv.url, command)
}

// startAgent returns when the agent has joined.
func (d *devFlags) startAgent(ctx context.Context, g *group, srv *server, c serverConfig) error {
	self, err := newRemote(srv.url, "", "")
	if err != nil {
		return err
	}
	joined := make(chan struct{})
	host := hostParts{
		data: c.data, scheduler: srv.scheduler, server: self, ring: srv.ring, standIn: true, log: c.log,
		joined: sync.OnceFunc(func() { close(joined) }),
	}
	if err := d.agent.start(ctx, g, host); err != nil {
		return err
	}
	return awaitHost(ctx, joined)
}

// work runs the command, if there is one, then stays until a signal.
func (d *devFlags) work(ctx context.Context, io streams, g *group, url string, command []string) error {
	if len(command) == 0 {
		fmt.Fprintln(io.out, "press Ctrl-C to stop")
		return g.wait(ctx)
	}
	failure := runBeside(ctx, io, url, command)
	if d.once || ctx.Err() != nil {
		g.stop()
		return failure
	}
	if failure != nil {
		report(io, failure)
	}
	fmt.Fprint(io.out, whatNext(url))
	return g.wait(ctx)
}

// thisUser is who needs no token.
func thisUser() (api.Owner, error) {
	u, err := user.Current()
	if err != nil {
		return api.Owner{}, fmt.Errorf("this user: %w", err)
	}
	return api.Owner{UID: os.Getuid(), Name: u.Username}, nil
}
