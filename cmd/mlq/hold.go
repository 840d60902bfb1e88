package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/agent"
	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

const holdLong = `Hold devices of this machine for somebody who works on it by hand, as over ssh:
through the queue like every job, so that limits and fairness hold, and everybody
sees who has them until when. While it waits, a line on standard error says why.

Then it prints the line that shows your programs these devices and no others, and
stays until Ctrl-C or until the time is over; either gives the devices back. With
-d it prints the id and that line, and returns; mlq cancel ID gives them back. With
-- COMMAND it runs that here, in this terminal, gives the devices back when it
ends, and passes its exit code on; when the time is over first, it gets SIGTERM.

MLQ ends no process that it did not start: what you leave running on a device keeps
everybody from it, and is shown to them with its PID and your name.`

// held is a hold on its way through a command.
type held struct {
	io  streams
	r   *remote
	id  scheduler.JobID
	job *api.Job // once it was granted
}

func newHold(io streams) *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:   "hold TIME [flags] [-- COMMAND…]",
		Short: "Hold devices of this machine to work on them by hand",
		Long:  holdLong,
		Example: `  mlq hold 2h
  mlq hold 30m --gpus 2 -- python train.py
  mlq hold -d 8h`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.SetFlagErrorFunc(orNegative(noTime))
	server, request := bindServer(cmd), bindRequest(cmd)
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "once they are held, print the id and the line, and return")
	cmd.Flags().Lookup("host").Usage = "devices of this host (default: this machine)"
	for _, no := range []string{"timeout", "retries", "on-partition"} { // the time is an argument, nothing fails, nothing is kept
		cmd.Flags().Lookup(no).Hidden = true
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		long, command, err := holdArgs(cmd, args)
		if err != nil {
			return err
		}
		if detach && len(command) > 0 {
			return usage("mlq hold -d returns at once, and so runs no command").with("leave -d out, or: mlq run -d -- %s", strings.Join(command, " "))
		}
		fields, err := request.fields(cmd)
		if err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		if fields["hold"] = long; fields["host"] == nil {
			if fields["host"], err = thisHost(cmd.Context(), r); err != nil {
				return err
			}
		}
		h := held{io: io, r: r}
		if h.id, err = submitJob(cmd.Context(), io, r, fields); err != nil {
			return err
		}
		if err := h.await(cmd.Context()); err != nil {
			return err
		}
		return h.use(cmd.Context(), detach, command)
	}
	return cmd
}

// holdArgs reads TIME and, behind --, COMMAND.
func holdArgs(cmd *cobra.Command, args []string) (long string, command []string, err error) {
	before := args
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		if before, command = args[:n], args[n:]; len(command) == 0 {
			return "", nil, usage("there is no command after --").with("mlq hold 2h -- COMMAND…")
		}
	}
	if len(before) != 1 {
		return "", nil, usage("mlq hold wants one argument, the time for which to hold, and got %d", len(before)).with("mlq hold 2h, or mlq hold 2h -- COMMAND…")
	}
	if _, err := units.ParseDuration(before[0]); err != nil {
		return "", nil, noTime(before[0])
	}
	return before[0], command, nil
}

func noTime(given string) error { return usage("how long, %q: %s", given, units.WantDuration) }

// thisHost is what MLQ calls this machine.
func thisHost(ctx context.Context, r *remote) (string, error) {
	hosts, err := listing[api.Host]{path: "/hosts", member: "hosts"}.get(ctx, r)
	if err != nil {
		return "", err
	}
	own, err := agent.HostName("")
	if err != nil {
		return "", failed("%w", err).with("name it with --host NAME")
	}
	var names []string
	for i := range hosts {
		name, _, _ := strings.Cut(hosts[i].Host, "@")
		if name == own {
			return own, nil
		}
		names = append(names, hosts[i].Host)
	}
	if len(names) == 0 {
		return "", failed("there is nothing to hold: no host has joined").with("mlq agent makes this machine one")
	}
	return "", failed("this machine, %s, is no host of %s; hosts are %s", own, r.base, strings.Join(names, ", ")).
		with("go to one of them, or name the one that this machine is with --host NAME")
}

// await waits until the devices are held. A signal gives the place in the queue up.
func (h *held) await(ctx context.Context) error {
	defer whileWaiting(ctx, h.io, h.r, h.id)()
	for {
		job, err := h.look(ctx)
		if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
			return cancelRun(ctx, h.io, h.r, h.id, s)
		}
		switch {
		case err != nil:
			return failed("%w", err).with("the hold may be granted yet: mlq job %d, or mlq cancel %d", h.id, h.id)
		case job.State.Final():
			return failed("hold %d %s", h.id, endInWords(job))
		case job.State == scheduler.Running && job.Lease != nil:
			h.job = job
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(grantedEvery):
		}
	}
}

// How often a hold is looked at: whether it is granted, and whether it still is.
const (
	grantedEvery = 250 * time.Millisecond
	heldEvery    = 2 * time.Second
)

// look asks for the job, also of a server that starts anew.
func (h *held) look(ctx context.Context) (*api.Job, error) {
	var job api.Job
	err := persist(ctx, h.io, func() error { return h.r.get(ctx, jobPath(h.id, ""), nil, &job) })
	return &job, err
}

// use tells what is held, and then does what the command line says.
func (h *held) use(ctx context.Context, detach bool, command []string) error {
	if detach {
		return h.orGiveBack(ctx, fmt.Sprintf("%d\n%s\n", h.id, h.export()))
	}
	h.tell(fmt.Sprintf("holds %s of %s until %s", h.devices(), h.job.Lease.Host, untilWords(h.job.Lease.EndsBy, time.Now())))
	if len(command) > 0 {
		return h.run(ctx, command)
	}
	if err := h.orGiveBack(ctx, h.export()+"\n"); err != nil {
		return err
	}
	return h.keep(ctx)
}

// orGiveBack prints what its user needs; devices that nobody was told of are not held.
func (h *held) orGiveBack(ctx context.Context, text string) error {
	_, err := fmt.Fprint(h.io.out, text)
	if err != nil {
		return errors.Join(err, h.giveBack(ctx))
	}
	return nil
}

func (h *held) tell(text string) { fmt.Fprintf(h.io.err, "mlq: job %d %s\n", h.id, harmless(text)) }

func (h *held) devices() string {
	names := make([]string, len(h.job.Lease.Devices))
	for i, uuid := range h.job.Lease.Devices {
		names[i] = target{device: uuid}.name()
	}
	return strings.Join(names, ", ")
}

// variables are what a job on these devices would find: a device that is not of
// NVIDIA's cannot be named to CUDA, and then none is to be seen.
func (h *held) variables() []string {
	var seen []string
	for _, uuid := range h.job.Lease.Devices {
		if strings.HasPrefix(uuid, "GPU-") || strings.HasPrefix(uuid, "MIG-") {
			seen = append(seen, uuid)
		}
	}
	return []string{"CUDA_VISIBLE_DEVICES=" + strings.Join(seen, ","), "CUDA_DEVICE_ORDER=PCI_BUS_ID"}
}

func (h *held) export() string { return "export " + strings.Join(h.variables(), " ") }

// giveBack ends the hold.
func (h *held) giveBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	defer cancel()
	return h.r.send(ctx, http.MethodDelete, jobPath(h.id, ""), nil, nil, nil)
}
