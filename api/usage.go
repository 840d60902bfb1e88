package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// usageSince is how far back GET /usage looks where it is not said.
const usageSince = 30 * 24 * time.Hour

// Usage is what was used since the begin of a day.
type Usage struct {
	Since time.Time `json:"since"` // the begin of a day in UTC
	Until time.Time `json:"until"`
	By    string    `json:"by"` // "user", "device" or "host"
	Usage []UsageOf `json:"usage"`
}

// UsageOf is what one user, device or host used, or was used of it. A device is
// used from a claim to the end of its attempt.
type UsageOf struct {
	User           string  `json:"user,omitempty"`
	Host           string  `json:"host,omitempty"`
	Device         string  `json:"device,omitempty"` // UUID
	Simulated      bool    `json:"simulated,omitempty"`
	DeviceSeconds  float64 `json:"device_s"`
	Attempts       int64   `json:"attempts"`  // ended, lost and released ones too, or running
	Jobs           int64   `json:"jobs"`      // ended
	Failed         int64   `json:"failed"`    // of these
	LongestSeconds float64 `json:"longest_s"` // attempt
}

// getUsage answers GET /usage?since=&by=. Who is no admin sees their own, and the
// sums of devices and hosts.
func (s *Server) getUsage(c *call) error {
	q, err := c.query([]string{"since", "by"})
	if err != nil {
		return err
	}
	by := q.Get("by")
	if by == "" {
		by = "user"
	}
	if by != "user" && by != "device" && by != "host" {
		return refuse(CodeBadRequest, "by: want user, device or host")
	}
	now, err := s.scheduler.Now(c.ctx())
	if err != nil {
		return err
	}
	since, err := sinceParam(q.Get("since"), now)
	if err != nil {
		return err
	}
	used, err := s.scheduler.Usage(c.ctx(), since)
	if err != nil {
		return err
	}
	w := Usage{Since: used.Since, Until: used.Until, By: by, Usage: c.usageBy(by, &used)}
	return s.write(c, http.StatusOK, w)
}

// sinceParam reads "30d", "2026-11-01", or a time with its zone.
func sinceParam(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(-usageSince), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil && !t.After(now) {
			return t, nil
		}
	}
	if d, err := units.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	return now, refuse(CodeBadRequest, `since: want a time that has passed, as "30d" or "2026-11-01"`)
}

func (c *call) usageBy(by string, used *scheduler.Usage) []UsageOf {
	list := []UsageOf{}
	switch by {
	case "user":
		for user, u := range used.Users {
			if c.sees(user) {
				list = append(list, wireUsed(UsageOf{User: user}, u))
			}
		}
	case "host":
		for host, u := range used.Hosts {
			list = append(list, wireUsed(UsageOf{Host: host}, u))
		}
	default:
		for _, d := range used.Devices {
			list = append(list, wireUsed(UsageOf{Host: d.Host, Device: d.UUID, Simulated: gpu.IsSimulated(d.UUID)}, d.Used))
		}
	}
	slices.SortFunc(list, func(a, b UsageOf) int {
		return cmp.Or(cmp.Compare(b.DeviceSeconds, a.DeviceSeconds),
			strings.Compare(a.User+a.Host+a.Device, b.User+b.Host+b.Device))
	})
	return list
}

func wireUsed(of UsageOf, u scheduler.Used) UsageOf {
	of.DeviceSeconds, of.LongestSeconds = u.Held.Seconds(), u.Longest.Seconds()
	of.Attempts, of.Jobs, of.Failed = u.Attempts, u.Jobs, u.Failed
	return of
}
