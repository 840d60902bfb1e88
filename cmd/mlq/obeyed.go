package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// An agent is woken for an order and reports what it has done; who ordered
// waits for that so long, and looks so often.
const (
	obeyWithin = 20 * time.Second
	obeyEvery  = 250 * time.Millisecond
)

// given is an order to one agent.
type given struct {
	target
	number uint64
	also   bool // another agent has the device too, and its word is taken
}

// givenTo are the orders of an answer: a device may have several agents.
func givenTo(t target, done *api.Ordered) []given {
	all := []given{{target{done.Host, t.device}, done.Number, false}}
	for _, other := range done.Also {
		all = append(all, given{target{other.Host, t.device}, other.Number, true})
	}
	return all
}

// await waits until the agents have obeyed, and says what came of it. An order
// that is not obeyed in time stands. Of several agents of a device one may be of
// the past: that it is not heard of is told, and is no failure.
func (o ordering) await(ctx context.Context, io streams, r *remote, all []given) error {
	ctx, cancel := context.WithTimeoutCause(ctx, obeyWithin, errNotYet)
	defer cancel()
	for _, g := range all {
		h, err := awaitObeyed(ctx, r, g.host, g.number)
		switch {
		case g.also && errors.Is(err, errUnheard):
			fmt.Fprintln(io.err, "mlq:", harmless(err.Error()))
			continue
		case err != nil:
			return err
		}
		if _, err := fmt.Fprintln(io.out, harmless(o.inWords(g, h))); err != nil {
			return err
		}
	}
	return nil
}

// inWords says what came of it, of a second agent with its name.
func (o ordering) inWords(g given, h *api.Host) string {
	text := o.done(g.target, h)
	if g.also && !strings.HasPrefix(text, h.Host+" ") {
		text = h.Host + ": " + text
	}
	return text
}

var errUnheard = errors.New("nothing is heard")

var errNotYet = fmt.Errorf("the agent has not obeyed within %s", short(obeyWithin))

func awaitObeyed(ctx context.Context, r *remote, name string, number uint64) (*api.Host, error) {
	for {
		h, err := getHost(ctx, r, name)
		switch {
		case err != nil && context.Cause(ctx) == nil:
			return nil, err
		case err == nil && h.Obeyed >= number:
			return h, nil
		case err == nil && h.State == "lost":
			return nil, failed("%w of %s", errUnheard, name).with("the order stands: its agent obeys when it is back")
		}
		select {
		case <-ctx.Done():
			return nil, notYet(context.Cause(ctx), name)
		case <-time.After(obeyEvery):
		}
	}
}

func notYet(cause error, name string) error {
	if cause != errNotYet { //nolint:errorlint // it is that very one
		return cause
	}
	return failed("%s: %w", name, cause).with("the order stands; see mlq hosts, and the agent's log there")
}

func getHost(ctx context.Context, r *remote, name string) (*api.Host, error) {
	hosts, err := getHosts(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range hosts {
		if hosts[i].Host == name {
			return &hosts[i], nil
		}
	}
	return nil, failed("%s is not there any more", name)
}

// deviceOf is the target's device as its host has it now, nil if it has not.
func (t target) deviceOf(h *api.Host) *api.Device {
	for i := range h.Devices {
		if h.Devices[i].UUID == t.device {
			return &h.Devices[i]
		}
	}
	return nil
}

func resetInWords(t target, h *api.Host) string {
	d := t.deviceOf(h)
	switch {
	case d == nil:
		return t.name() + " was told to be well; its host does not list it now"
	case d.Health != nil && d.Health.Sick != "":
		return t.name() + " is sick again: " + d.Health.Sick
	case d.State == gpu.Sick: // by the last look, which the order does not undo
		return t.name() + " is sick still: " + d.Reason
	case d.Reason != "" && d.State != gpu.Free:
		return fmt.Sprintf("%s is well again; it is %s: %s", t.name(), d.State, d.Reason)
	}
	return fmt.Sprintf("%s is well again; it is %s", t.name(), d.State)
}

// detachedInWords says what holds until the driver is back.
func detachedInWords(t target, h *api.Host) string {
	text := h.Host + " has let go of the driver"
	if busy := jobsOn(h.Devices); busy != "" {
		text += "; what runs goes on (" + busy + ")"
	}
	if t.device != "" && len(h.Devices) > 1 {
		text += fmt.Sprintf("; the other %s of it get no job either", count(len(h.Devices)-1, "device"))
	}
	return text + "; when you are done: mlq gpu attach " + t.id()
}

func jobsOn(devices []api.Device) string {
	n := 0
	for i := range devices {
		if devices[i].State == gpu.Leased {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return count(n, "device") + " in use"
}

func attachedInWords(t target, h *api.Host) string {
	if h.Detached != nil {
		return fmt.Sprintf("%s is still detached by %s", h.Host, h.Detached.By)
	}
	if t.device != "" {
		for i := range h.Devices {
			if d := &h.Devices[i]; d.Detached != nil {
				return fmt.Sprintf("%s is still detached for %s by %s", h.Host, d.UUID, d.Detached.By)
			}
		}
	}
	if h.GPU != nil && h.GPU.Problem != "" {
		return fmt.Sprintf("%s may have the driver again, but: %s", h.Host, h.GPU.Problem)
	}
	return fmt.Sprintf("%s has the driver again: %s", h.Host, statesOf(h.Devices))
}

// statesOf counts devices by state, the most first among equals by name.
func statesOf(devices []api.Device) string {
	counts := map[gpu.State]int{}
	for i := range devices {
		counts[devices[i].State]++
	}
	var words []string
	for _, state := range []gpu.State{gpu.Free, gpu.Leased, gpu.Clearing, gpu.Foreign, gpu.Drained, gpu.Sick, gpu.Unknown} {
		if n := counts[state]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(words, ", ")
}

func toleratedInWords(t target, h *api.Host) string {
	d := t.deviceOf(h)
	switch {
	case d == nil:
		return t.name() + " is not listed by its host now"
	case d.Tolerated == 0:
		return t.name() + ": others may have no memory of it"
	}
	return fmt.Sprintf("%s: others may have %s of it", t.name(), size(d.Tolerated))
}
