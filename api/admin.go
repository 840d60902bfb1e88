package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// listLeases answers GET /leases.
func (s *Server) listLeases(c *call) error {
	leases, err := s.scheduler.Leases(c.ctx())
	if err != nil {
		return err
	}
	consumers, err := s.scheduler.Consumers(c.ctx(), "")
	if err != nil {
		return err
	}
	list := make([]Lease, len(leases))
	for i, l := range leases {
		list[i] = wireLease(l)
		if at := slices.IndexFunc(consumers, func(c scheduler.Consumer) bool { return c.Host() == l.Host }); at >= 0 {
			list[i].ServedBy = consumers[at].Job
		}
	}
	return s.write(c, http.StatusOK, map[string][]Lease{"leases": list})
}

func plainText(text string) bool {
	return len(text) <= 200 && !slices.ContainsFunc([]rune(text), func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0xfffd || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
	})
}

// Host is a machine with devices, as its agent last reported it.
type Host struct {
	Host           string            `json:"host"`
	Version        string            `json:"version"`
	State          string            `json:"state"` // "ok", "drained" or "lost"
	DrainedBy      string            `json:"drained_by,omitempty"`
	DrainDeadline  *Deadline         `json:"drain_deadline,omitempty"`
	Renewed        time.Time         `json:"renewed"`
	LeaseUntil     time.Time         `json:"lease_until"`
	Reported       time.Time         `json:"reported"`
	Labels         map[string]string `json:"labels,omitempty"`
	Isolation      string            `json:"isolation,omitempty"`
	RunAs          string            `json:"run_as,omitempty"`
	Environments   []Environment     `json:"environments"`
	ClockAhead     int64             `json:"clock_ahead,omitempty"` // seconds before the server's
	Devices        []Device          `json:"devices"`
	DrainedDevices map[string]string `json:"drained_devices,omitempty"`
	GPU            *Driver           `json:"gpu,omitempty"`
	Detached       *Signed           `json:"detached,omitempty"` // all of it
	Links          []AgentLink       `json:"links,omitempty"`
	Ordered        uint64            `json:"ordered,omitempty"` // the number of the last order
	Obeyed         uint64            `json:"obeyed,omitempty"`  // up to which the agent has obeyed
}

// Environment is a Python environment of a host.
type Environment struct {
	Name        string `json:"name"`
	Path        string `json:"path"`
	Version     string `json:"version"`
	Cloudpickle string `json:"cloudpickle,omitempty"`
	Torch       string `json:"torch,omitempty"`
	Numpy       string `json:"numpy,omitempty"`
	// Modules are in a list of hosts only where they are asked for: they are hundreds.
	Modules map[string]string `json:"modules,omitempty"`
	Problem string            `json:"problem,omitempty"`
}

// listHosts answers GET /hosts.
func (s *Server) listHosts(c *call) error {
	modules, err := wantsModules(c.r.URL.Query()["modules"])
	if err != nil {
		return err
	}
	hosts, _, err := s.hosts(c)
	if err != nil {
		return err
	}
	if !modules {
		leaveOutModules(hosts)
	}
	return s.write(c, http.StatusOK, map[string][]Host{"hosts": hosts})
}

func wantsModules(values []string) (bool, error) {
	switch {
	case len(values) == 0, len(values) == 1 && values[0] == "false":
		return false, nil
	case len(values) == 1 && values[0] == "true":
		return true, nil
	}
	return false, refuse(CodeBadRequest, "modules: want true or false")
}

func leaveOutModules(hosts []Host) {
	for i := range hosts {
		for j := range hosts[i].Environments {
			hosts[i].Environments[j].Modules = nil
		}
	}
}

// hosts are all, each with what its agent says, and whose word is taken of a
// device that several list.
func (s *Server) hosts(c *call) ([]Host, *scheduler.Views, error) {
	hosts, err := s.scheduler.Hosts(c.ctx())
	if err != nil {
		return nil, nil, err
	}
	leases, err := s.scheduler.Leases(c.ctx())
	if err != nil {
		return nil, nil, err
	}
	holders := make(map[string]*scheduler.Lease)
	for i := range leases {
		for _, uuid := range leases[i].Devices {
			holders[uuid] = &leases[i]
		}
	}
	views := scheduler.ViewsOf(hosts, leases, time.Now())
	list := make([]Host, len(hosts))
	for i := range hosts {
		list[i] = s.wireHost(c, &hosts[i], holders)
		for j := range list[i].Devices {
			d := &list[i].Devices[j]
			d.AlsoOn = views.Beside(d.Host, d.UUID)
		}
	}
	return list, &views, nil
}

func (s *Server) wireHost(c *call, h *scheduler.Host, holders map[string]*scheduler.Lease) Host {
	w := Host{
		Host: h.Host, Version: h.Version, State: hostState(h), DrainedBy: h.DrainedBy, Renewed: h.Renewed,
		LeaseUntil: h.LeaseUntil, Reported: h.Reported, Labels: h.Labels, Isolation: h.Isolation, RunAs: h.RunAs,
		Environments: make([]Environment, len(h.Environments)), Devices: make([]Device, len(h.Devices)),
		DrainedDevices: h.DrainedDevices, DrainDeadline: deadlineOf(h, ""), ClockAhead: int64(h.ClockAhead.Seconds()),
		GPU: driverOf(h), Detached: signedOf(h.Ordered.Detached, ""), Links: some(h.Links, wireLink),
		Ordered: h.Ordered.Number, Obeyed: h.Obeyed,
	}
	for i, e := range h.Environments {
		w.Environments[i] = Environment(e)
	}
	for i := range h.Devices {
		w.Devices[i] = s.wireDevice(c, h, &h.Devices[i], holders[h.Devices[i].UUID])
	}
	return w
}

func hostState(h *scheduler.Host) string {
	switch {
	case h.Drained:
		return "drained"
	case silent(h):
		return "lost"
	}
	return "ok"
}

// Waiting is a place in the queue as everybody sees it.
type Waiting struct {
	Place    int             `json:"place"` // from 1
	User     string          `json:"user"`
	Since    time.Time       `json:"since"`
	Priority int             `json:"priority"`
	GPUs     int             `json:"gpus"`
	Class    string          `json:"class"`          // what kind of devices
	Job      scheduler.JobID `json:"job,omitempty"`  // of one's own
	Name     string          `json:"name,omitempty"` // likewise
}

// queueMost is how many places GET /queue shows.
const queueMost = 1000

// listQueue answers GET /queue?limit=: who waits for what, in order.
func (s *Server) listQueue(c *call) error {
	limit, err := number(c.r.URL.Query().Get("limit"), pageMost, "limit")
	if err != nil {
		return err
	}
	jobs, err := s.scheduler.Queue(c.ctx(), int(min(limit, queueMost)))
	if err != nil {
		return err
	}
	list := make([]Waiting, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list[i] = Waiting{Place: i + 1, User: s.nameFor(c, j.User), Since: j.QueuedAt, Priority: j.Priority, GPUs: j.Devices, Class: c.classFor(j)}
		if c.sees(j.User) {
			list[i].Job, list[i].Name = j.ID, j.Name
		}
	}
	return s.write(c, http.StatusOK, map[string][]Waiting{"queue": list})
}
