package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

const drainLong = `Give a host or one device no new jobs. The device is named by its UUID, as much
of its beginning as is unique, or HOST:INDEX. What runs goes on; --undo opens it again.

With --deadline the users of what runs there are told at once, and what still runs
then is stopped, with its grace, and waits again for another host (--then cancel: is
cancelled). The servers see to it; --undo before the deadline takes it back.`

// drainFlags are the command's own.
type drainFlags struct {
	reason, deadline, then string
	undo, wait             bool
}

func newDrain(io streams) *cobra.Command {
	var f drainFlags
	cmd := &cobra.Command{
		Use:   "drain HOST|GPU",
		Short: "Give a host or a device no new jobs (for admins)",
		Long:  drainLong,
		Example: `  mlq drain gpu1 --reason "new driver" --deadline 2h --wait
  mlq drain GPU-4f2c --reason "fan"
  mlq drain gpu1 --undo`,
		Args: oneName("one host or device"),
	}
	server := bindServer(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", "", "shown to users; needed with --deadline")
	flags.StringVar(&f.deadline, "deadline", "", "stop what still runs there then: how long from now, as 2h, or a time, as 2026-05-04T14:00:00Z")
	flags.StringVar(&f.then, "then", "", "what becomes of the jobs that are stopped: requeue or cancel (default requeue)")
	flags.BoolVar(&f.undo, "undo", false, "give it jobs again")
	flags.BoolVar(&f.wait, "wait", false, "wait until nothing runs there any more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		return drainAll(cmd.Context(), io, r, args[0], &f)
	}
	return cmd
}

// check refuses flags that contradict each other, before anything is closed.
func (f *drainFlags) check() error {
	switch {
	case f.undo && (f.deadline != "" || f.then != "" || f.wait):
		return usage("--undo takes no --deadline, --then or --wait")
	case f.then != "" && f.deadline == "":
		return usage("--then needs --deadline: without one, what runs goes on to its end")
	case f.deadline != "" && strings.TrimSpace(f.reason) == "":
		return usage("--deadline needs --reason").with("the users of what runs there are told")
	case f.then != "":
		return checkThen(f.then)
	}
	return nil
}

func (f *drainFlags) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"reason": f.reason, "deadline": f.deadline, "then": f.then} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// drainAll closes what a name means: a machine with an agent for each device
// is several hosts.
func drainAll(ctx context.Context, io streams, r *remote, name string, f *drainFlags) error {
	hosts, err := getHosts(ctx, r)
	if err != nil {
		return err
	}
	action, find := "/drain", findTargets
	if f.undo {
		action, find = "/undrain", findClosed
	}
	targets, err := find(hosts, name)
	if err != nil {
		return err
	}
	var closed []target
	for _, t := range targets {
		var done api.Drained
		if err := r.send(ctx, http.MethodPost, t.path()+action, f.query(), nil, &done); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(io.out, drainedInWords(t, &done, f)); err != nil {
			return err
		}
		for _, host := range append([]string{done.Host}, done.AlsoOn...) {
			closed = append(closed, target{host, t.device})
		}
	}
	if f.wait {
		return awaitEmpty(ctx, io, r, closed)
	}
	return nil
}

func getHosts(ctx context.Context, r *remote) ([]api.Host, error) {
	var answer struct{ Hosts []api.Host }
	err := r.get(ctx, "/hosts", nil, &answer)
	return answer.Hosts, err
}

func drainedInWords(t target, done *api.Drained, f *drainFlags) string {
	if !done.Drained {
		return t.name() + " takes new jobs again"
	}
	text := t.name() + " takes no new jobs"
	if done.Deadline == nil {
		return text
	}
	then := "wait again"
	if f.then == "cancel" {
		then = "are cancelled"
	}
	return fmt.Sprintf("%s; those that still run at %s are stopped and %s", text, clock(*done.Deadline, time.Now()), then)
}

// clock is a time to come as people say it: with the day where that is another one.
func clock(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}
