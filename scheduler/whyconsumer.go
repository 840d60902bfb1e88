package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// whyConsumed adds what keeps a message from the consumers that may take it.
func (s *Scheduler) whyConsumed(ctx context.Context, w *Why, sc *scene) error {
	consumers, err := s.Consumers(ctx, sc.need.Consumer)
	if err != nil {
		return err
	}
	w.Reasons = append(w.Reasons, whyConsumers(sc.need, consumers, sc.leases, sc.now, s.opts.Timing)...)
	return nil
}

// whyConsumers is pure: the consumers are those of the job's user.
func whyConsumers(n Need, consumers []Consumer, leases []Lease, now time.Time, t Timing) []WhyReason {
	var busy, silent []string
	idle := false
	for i := range consumers {
		c := &consumers[i]
		lease := leaseOnHost(leases, c.Host())
		switch {
		case !c.Has(n.Functions...):
		case now.Sub(c.Renewed) >= t.Warn:
			silent = append(silent, c.inWords()+" was heard of "+silence(now, c.Renewed))
		case lease != nil:
			busy = append(busy, fmt.Sprintf("%s works on job %d since %s", c.inWords(), lease.Job, lease.Since.UTC().Format(time.TimeOnly)))
		default:
			idle = true
		}
	}
	var reasons []WhyReason
	switch {
	case idle:
	case len(busy) > 0:
		reasons = append(reasons, WhyReason{"consumer-busy", "those that have " + n.functionsInWords() + " are busy: " + listed(busy)})
	case len(silent) > 0:
	default:
		reasons = append(reasons, WhyReason{"no-consumer", "no process that has " + n.functionsInWords() + " takes messages now"})
	}
	if len(silent) > 0 && !idle {
		reasons = append(reasons, WhyReason{"consumer-silent", listed(silent)})
	}
	return reasons
}

func leaseOnHost(leases []Lease, host string) *Lease {
	for i := range leases {
		if leases[i].Host == host {
			return &leases[i]
		}
	}
	return nil
}

// inWords names a consumer for its user.
func (c *Consumer) inWords() string {
	if c.Job != 0 {
		return fmt.Sprintf("the process of job %d", c.Job)
	}
	return "the process " + c.Host()
}

func (n Need) functionsInWords() string {
	switch len(n.Functions) {
	case 0:
		return "all functions that are registered"
	case 1:
		return "the function " + n.Functions[0]
	}
	return "the functions " + strings.Join(n.Functions, " and ")
}
