package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// Deadline is when what still runs on something drained is stopped.
type Deadline struct {
	At   time.Time `json:"at"`
	Then string    `json:"then"` // what becomes of the jobs: "requeue" or "cancel"
}

// Closing tells a job that where it runs is closed by a deadline.
type Closing struct {
	At   time.Time `json:"at"`   // it is stopped then
	What string    `json:"what"` // the host, or the UUID of its device
	By   string    `json:"by"`   // who, and why
	Then string    `json:"then"` // what becomes of it: "requeue" or "cancel"

	Simulated bool `json:"simulated,omitempty"` // the device is
}

// closingNow is what a job that runs has to know; zero: nothing.
func closingNow(j *scheduler.Job) scheduler.Closing {
	if !j.State.Active() || j.Attempt().Closing.At.IsZero() {
		return scheduler.Closing{}
	}
	return j.Attempt().Closing
}

func closingOf(j *scheduler.Job) *Closing {
	c := closingNow(j)
	if c.At.IsZero() {
		return nil
	}
	return &Closing{At: c.At, What: c.What, By: c.By, Then: c.Then, Simulated: gpu.IsSimulated(c.What)}
}

func deadlineOf(h *scheduler.Host, what string) *Deadline {
	d, limited := h.Deadlines[what]
	if !limited {
		return nil
	}
	return &Deadline{At: d.At, Then: d.Then}
}

// drained says of a device that it, or its host, is closed.
func (w *Device) drained(h *scheduler.Host) {
	what, by := w.UUID, h.DrainedDevices[w.UUID]
	if by == "" {
		what, by = "", h.DrainedBy
	}
	if by == "" {
		return
	}
	w.DrainedBy, w.DrainDeadline = by, deadlineOf(h, what)
	if w.State == gpu.Free && what != "" {
		w.State, w.Reason = gpu.Drained, by
	}
}

// Drained answers a drain.
type Drained struct {
	Host     string     `json:"host"`
	Device   string     `json:"device,omitempty"`
	Drained  bool       `json:"drained"`
	Deadline *time.Time `json:"deadline,omitempty"`
	AlsoOn   []string   `json:"also_on,omitempty"` // the other agents that have, or had, the device
}

// drain answers POST /hosts/{host}/drain and /undrain.
func drain(on bool) handler {
	return func(s *Server, c *call) error { return s.drain(c, []string{c.param("host")}, "", on) }
}

// drainDevice answers POST /gpus/{uuid}/drain and /undrain.
func drainDevice(on bool) handler {
	return func(s *Server, c *call) error {
		agents, err := s.scheduler.Reach(c.ctx(), c.param("uuid"), !on)
		if err != nil {
			return err
		}
		return s.drain(c, agents, c.param("uuid"), on)
	}
}

// drain closes a host, or a device at all agents that have it, or opens it.
func (s *Server) drain(c *call, agents []string, device string, on bool) error {
	prepare := s.opens
	if on {
		prepare = s.closes
	}
	give, err := prepare(c, device)
	if err != nil {
		return err
	}
	done, err := toEach(agents, give)
	if err != nil {
		return err
	}
	if device != "" && on {
		late, err := s.toLate(c, device, agents, give)
		if err != nil {
			return err
		}
		done = append(done, late...)
	}
	answer := done[0]
	for _, other := range done[1:] {
		answer.AlsoOn = append(answer.AlsoOn, other.Host)
	}
	return s.write(c, http.StatusOK, answer)
}

// toLate closes a device at agents that list it since the others were looked for: they
// looked which are closed before this one was.
func (s *Server) toLate(c *call, device string, told []string, give func(host string) (Drained, error)) ([]Drained, error) {
	agents, err := s.scheduler.Reach(c.ctx(), device, false)
	if err != nil {
		return nil, err
	}
	return toEach(slices.DeleteFunc(agents, func(host string) bool { return slices.Contains(told, host) }), give)
}

func (s *Server) opens(c *call, device string) (func(host string) (Drained, error), error) {
	_, err := c.query([]string{"reason"})
	return func(host string) (Drained, error) {
		return Drained{Host: host, Device: device}, s.scheduler.Undrain(c.ctx(), host, device)
	}, err
}

// closes has one deadline for all agents.
func (s *Server) closes(c *call, device string) (func(host string) (Drained, error), error) {
	d, err := c.drainParams()
	return func(host string) (Drained, error) {
		done := Drained{Host: host, Device: device, Drained: true}
		d.Host, d.Device = host, device
		at, err := s.scheduler.Drain(c.ctx(), d)
		if err == nil && !at.IsZero() {
			done.Deadline = &at
			d.In, d.At = 0, at
		}
		return done, err
	}, err
}

// drainParams reads ?deadline=&then=&reason=. A deadline ends jobs, and so
// needs a reason that their users are told.
func (c *call) drainParams() (d scheduler.Drain, err error) {
	q, err := c.query([]string{"deadline", "then", "reason"})
	if err != nil {
		return d, err
	}
	if !q.Has("deadline") {
		if q.Has("then") {
			return d, refuse(CodeBadRequest, "then: only with a deadline; without one, what runs goes on to its end")
		}
		d.By, err = reasonParam(c)
		return d, err
	}
	if d.By, err = c.byWithReason(); err != nil {
		return d, err
	}
	if d.Then, err = c.thenParam("requeue"); err != nil {
		return d, err
	}
	return d, readDeadline(q.Get("deadline"), &d)
}

// readDeadline reads how long from now, or a time.
func readDeadline(text string, d *scheduler.Drain) (err error) {
	if d.In, err = units.ParseDuration(text); err == nil && d.In > 0 {
		return nil
	}
	if d.At, err = time.Parse(time.RFC3339, text); err == nil && !d.At.IsZero() {
		return nil
	}
	return refuse(CodeBadRequest, "deadline: want how long from now, above 0, as 2h, or a time to come, as 2026-05-04T14:00:00Z")
}
