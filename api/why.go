package api

import (
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// Why explains why a job waits.
type Why struct {
	Position     int         `json:"position"` // 0: it does not wait
	PositionOver bool        `json:"position_over,omitempty"`
	Of           int         `json:"of,omitempty"` // how many wait in its queue, counted to 1,000
	Reasons      []WhyReason `json:"reasons"`      // the most decisive first
	// Devices that fit and are not to be had, the first to be had first; of a job for
	// several those of the host that comes closest, with its free ones.
	Devices  []WhyDevice `json:"devices,omitempty"`
	FreeBy   time.Time   `json:"free_by,omitzero"` // enough of them, at the latest
	Estimate Estimate    `json:"estimate"`
}

// WhyDevice is a device that a waiting job could run on.
type WhyDevice struct {
	Host   string    `json:"host"`
	Index  int       `json:"index"`
	UUID   string    `json:"uuid"`
	Model  string    `json:"model"`
	State  gpu.State `json:"state"`
	User   string    `json:"user,omitempty"` // who holds it through MLQ
	Since  time.Time `json:"since,omitzero"`
	EndsBy time.Time `json:"ends_by,omitzero"` // free by then at the latest
	Text   string    `json:"text,omitempty"`   // "held by ana since …"; absent of a free one

	Simulated bool `json:"simulated,omitempty"`
}

// WhyReason is one reason.
type WhyReason struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Estimate of when a job starts, in seconds from now; null where unknown.
type Estimate struct {
	Earliest *float64 `json:"earliest_s"`
	Latest   *float64 `json:"latest_s"`
	Basis    string   `json:"basis"`
}

// whyJob answers GET /jobs/{id}/why.
func (s *Server) whyJob(c *call) error {
	job, err := s.pathJob(c)
	if err != nil {
		return err
	}
	why, err := s.scheduler.Why(c.ctx(), job.ID, s.shownTo(c))
	if err != nil {
		return err
	}
	w := Why{
		Position: why.Position, PositionOver: why.PositionOver, Of: why.Of, Reasons: make([]WhyReason, len(why.Reasons)),
		Devices: each(why.Devices, func(d scheduler.WhyDevice) WhyDevice { return WhyDevice(d) }), FreeBy: why.FreeBy,
		Estimate: Estimate{Basis: why.Estimate.Basis},
	}
	for i, r := range why.Reasons {
		w.Reasons[i] = WhyReason{Code: r.Code, Text: r.Text}
		if r.Code == scheduler.WhyFunction {
			if w.Reasons[i].Text, err = s.whyFunctions(c.ctx(), &job, r.Text); err != nil {
				return err
			}
		}
	}
	if w.Reasons, err = s.whyProcess(c, &job, w.Reasons); err != nil {
		return err
	}
	if why.Estimate.Known {
		earliest, latest := why.Estimate.Earliest.Seconds(), why.Estimate.Latest.Seconds()
		w.Estimate.Earliest, w.Estimate.Latest = &earliest, &latest
	}
	return s.write(c, http.StatusOK, w)
}

// shownTo is what may be told of others to who asks.
func (s *Server) shownTo(c *call) scheduler.Shown {
	return scheduler.Shown{
		User:        func(name string) string { return s.nameFor(c, name) },
		HideForeign: s.opts.Private && c.who.Role != auth.RoleAdmin,
	}
}
