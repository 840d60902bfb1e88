package api

import "net/http"

// Why explains why a job waits.
type Why struct {
	Position     int         `json:"position"` // 0: it does not wait
	PositionOver bool        `json:"position_over,omitempty"`
	Reasons      []WhyReason `json:"reasons"` // the most decisive first
	Estimate     Estimate    `json:"estimate"`
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
	why, err := s.scheduler.Why(c.ctx(), job.ID)
	if err != nil {
		return err
	}
	w := Why{
		Position: why.Position, PositionOver: why.PositionOver, Reasons: make([]WhyReason, len(why.Reasons)),
		Estimate: Estimate{Basis: why.Estimate.Basis},
	}
	for i, r := range why.Reasons {
		w.Reasons[i] = WhyReason{Code: r.Code, Text: r.Text}
	}
	if why.Estimate.Known {
		earliest, latest := why.Estimate.Earliest.Seconds(), why.Estimate.Latest.Seconds()
		w.Estimate.Earliest, w.Estimate.Latest = &earliest, &latest
	}
	return s.write(c, http.StatusOK, w)
}
