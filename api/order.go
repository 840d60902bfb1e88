package api

import (
	"net/http"

	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// Ordered answers an order to the agent of a host.
type Ordered struct {
	Host   string `json:"host"`
	Device string `json:"device,omitempty"`
	Order  string `json:"order"` // "reset-health", "detach", "attach", "tolerate" or "untolerate"
	By     string `json:"by"`    // who, and why
	// Number: the agent has obeyed when the host's obeyed is as much.
	Number uint64 `json:"number"`
	// Also are the other agents that have, or had, the device.
	Also []OrderedToo `json:"also,omitempty"`
}

// OrderedToo is an order to another agent of the same device.
type OrderedToo struct {
	Host   string `json:"host"`
	Number uint64 `json:"number"`
}

// order is one kind of order: its name, which parameters it takes, whether it takes
// another one back, how it is given.
type order struct {
	name   string
	params []string
	undoes bool
	give   func(s *Server, c *call, o scheduler.Order) (uint64, error)
}

var (
	resetHealth = order{"reset-health", []string{"reason"}, false, func(s *Server, c *call, o scheduler.Order) (uint64, error) {
		return s.scheduler.ResetHealth(c.ctx(), o)
	}}
	detach = order{"detach", []string{"reason"}, false, func(s *Server, c *call, o scheduler.Order) (uint64, error) {
		return s.scheduler.Detach(c.ctx(), o)
	}}
	attach = order{"attach", []string{"reason"}, true, func(s *Server, c *call, o scheduler.Order) (uint64, error) {
		return s.scheduler.Attach(c.ctx(), o)
	}}
	tolerate = order{"tolerate", []string{"memory", "reason"}, false, func(s *Server, c *call, o scheduler.Order) (uint64, error) {
		memory, err := memoryParam(c)
		if err != nil {
			return 0, err
		}
		return s.scheduler.Tolerate(c.ctx(), o, memory)
	}}
	untolerate = order{"untolerate", []string{"reason"}, true, func(s *Server, c *call, o scheduler.Order) (uint64, error) {
		return s.scheduler.Untolerate(c.ctx(), o)
	}}
)

// orderHost answers POST /hosts/{host}/ORDER.
func orderHost(kind order) handler {
	return func(s *Server, c *call) error { return s.order(c, kind, []string{c.param("host")}, "") }
}

// orderDevice answers POST /gpus/{uuid}/ORDER.
func orderDevice(kind order) handler {
	return func(s *Server, c *call) error {
		uuid := c.param("uuid")
		agents, err := s.scheduler.Reach(c.ctx(), uuid, kind.undoes)
		if err != nil {
			return err
		}
		return s.order(c, kind, agents, uuid)
	}
}

// order gives it to these agents, and logs who did.
func (s *Server) order(c *call, kind order, agents []string, device string) error {
	if _, err := c.query(kind.params); err != nil {
		return err
	}
	by, err := reasonParam(c)
	if err != nil {
		return err
	}
	given, err := toEach(agents, func(host string) (OrderedToo, error) {
		number, err := kind.give(s, c, scheduler.Order{Host: host, Device: device, By: by})
		if err == nil {
			s.log.Info().Str("by", by).Str("host", host).Str("device", device).Str("order", kind.name).Uint64("number", number).Msg("an admin ordered")
		}
		return OrderedToo{host, number}, err
	})
	if err != nil {
		return err
	}
	first := given[0]
	return s.write(c, http.StatusOK, Ordered{Host: first.Host, Device: device, Order: kind.name, By: by, Number: first.Number, Also: given[1:]})
}

// memoryParam is ?memory=: a size, or 0.
func memoryParam(c *call) (int64, error) {
	text := c.r.URL.Query().Get("memory")
	if text == "0" {
		return 0, nil
	}
	memory, err := units.ParseBytes(text)
	if err != nil {
		return 0, refuse(CodeBadRequest, "memory: "+units.WantBytes+", or 0 for none")
	}
	return memory, nil
}
