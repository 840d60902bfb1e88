package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
	"github.com/mlq-dev/mlq/internal/boottime"
)

// Revoke revokes the token of a host's agent, at the first server that answers.
func (w *World) Revoke(ctx context.Context, h *Host) error {
	text, err := os.ReadFile(h.tokenFile())
	if err != nil {
		return err
	}
	parts := strings.Split(string(text), "_") // mlq_agent_ID_SECRET_CRC
	if len(parts) != 5 {
		return fmt.Errorf("%s: not a token", h.tokenFile())
	}
	return until(ctx, startPatience, func(ctx context.Context) error {
		err := w.Ask(ctx, http.MethodDelete, "/tokens/"+parts[2], "", nil)
		if err != nil && strings.Contains(err.Error(), ": 404 ") {
			return nil // a try before, whose answer was lost, has done it
		}
		return err
	})
}

// Admit gives a host's agent a new token, and starts it anew with that.
func (w *World) Admit(ctx context.Context, h *Host) error {
	var token string
	err := until(ctx, startPatience, func(ctx context.Context) (err error) {
		h.admitted.FromNS = int64(boottime.Now())
		token, err = w.NewToken(ctx, h.Name, "agent")
		h.admitted.ToNS = int64(boottime.Now())
		return err
	})
	if err == nil {
		err = os.WriteFile(h.tokenFile(), []byte(token), 0o600)
	}
	return errors.Join(err, h.Kill(), h.Restart(ctx))
}

// Readmit admits the hosts whose token the store has lost, as an admin does after a
// failover. It gives when each of these tokens was made.
func (w *World) Readmit(ctx context.Context) (made []record.Interval, err error) {
	for _, h := range w.Hosts {
		known, e := w.knows(ctx, h)
		if err = errors.Join(err, e); e == nil && !known {
			made = append(made, record.Interval{Host: h.Name, FromNS: h.admitted.FromNS, ToNS: h.admitted.ToNS})
			err = errors.Join(err, w.Admit(ctx, h))
		}
	}
	return made, err
}

// knows says whether servers know the token of a host's agent.
func (w *World) knows(ctx context.Context, h *Host) (known bool, err error) {
	token, err := os.ReadFile(h.tokenFile())
	if err != nil {
		return false, err
	}
	return known, until(ctx, startPatience, func(ctx context.Context) error {
		err := w.Servers[0].ask(ctx, string(token), http.MethodGet, "/whoami", "", nil)
		known = err == nil || !strings.Contains(err.Error(), ": 401 ")
		if !known {
			return nil
		}
		return err
	})
}

// Second starts another agent of the same name in the same folder, as somebody
// does who thinks that the first one is not there. ends waits for its end, and gives
// an error if it lives for longer than patience.
func (w *World) Second(h *Host) (ends func(patience time.Duration) error, err error) {
	if !h.Running() {
		return nil, fmt.Errorf("%s has no first agent", h.Name)
	}
	second := &Process{Name: h.Name + "-second", Kind: KindAgent, argv: h.argv, env: h.env, dir: h.dir, log: h.log + ".second"}
	ended, err := second.start()
	if err != nil {
		return nil, err
	}
	return func(patience time.Duration) error {
		select {
		case <-ended:
			return nil
		case <-time.After(patience):
			return errors.Join(fmt.Errorf("a second agent of %s lives for %s beside the first", h.Name, patience), second.Kill())
		}
	}, nil
}
