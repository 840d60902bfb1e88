package check

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/mlq-dev/mlq/e2e/chaos/record"
)

// What a run may excuse at the most, so that what it says is about MLQ: usual are 8 to
// 15 % of the jobs, a third of the time, and hardly a submit without an answer
// (docs/reliability.md), but a minute on a busy machine can be far from that.
const (
	mostExcused = 0.5  // of the jobs that were made
	mostUnknown = 0.5  // of the submits that were not refused
	mostLossy   = 0.75 // of the time in which clients asked
	enoughJobs  = 100  // of a run that made fewer no share is asked
)

// share is how much of something was excused.
type share struct {
	what      string
	part, all float64
	most      float64
}

// enough is an error where a record cannot tell much: what was excused, or never
// answered, is most of it, or nobody knows since when the store was losing writes.
func (h *history) enough(r *Report) error {
	var errs []error
	for _, i := range h.Intervals {
		if i.Kind == record.Loss && i.FromNS < h.World.BootNS {
			errs = append(errs, fmt.Errorf("until %d the store was losing writes, and nobody saw since when: all before that is excused", i.ToNS))
		}
	}
	if r.Submitted < enoughJobs {
		return errors.Join(errs...)
	}
	asked := h.asking()
	unknown, submits := h.unanswered()
	for _, s := range []share{
		{"jobs were lost with the store", float64(r.Excused), float64(r.Submitted), mostExcused},
		{"submits had no answer", float64(unknown), float64(submits), mostUnknown},
		{"s passed while the store was losing writes", h.lossy(asked).Seconds(), time.Duration(asked.to - asked.from).Seconds(), mostLossy},
	} {
		if s.part > s.all*s.most {
			errs = append(errs, fmt.Errorf("%.0f of %.0f %s: at most %.0f %% may be", s.part, s.all, s.what, 100*s.most))
		}
	}
	return errors.Join(errs...)
}

// asking is the time from the first question of a client to the last.
func (h *history) asking() span {
	s := span{math.MaxInt64, 0}
	for _, op := range h.Ops {
		s = span{min(s.from, op.CallNS), max(s.to, op.CallNS)}
	}
	return s
}

// unanswered counts the submits that nobody knows the end of, and all that were not refused.
func (h *history) unanswered() (unknown, all int) {
	for _, op := range h.Ops {
		switch {
		case op.Op != record.Submit || op.Refused != "":
			continue
		case op.Unknown:
			unknown++
		}
		all++
	}
	return unknown, all
}
