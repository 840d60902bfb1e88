package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/scheduler"
)

// timeLimits are the time limits of jobs that a server imposes.
type timeLimits struct{ byDefault, most limitFlag }

// limitFlag is the value of a flag for a limit of time; 0 is none.
type limitFlag time.Duration

// Set implements pflag.Value.
func (l *limitFlag) Set(text string) error {
	if text == "none" {
		*l = 0
		return nil
	}
	d, err := readLimit(text)
	*l = limitFlag(d)
	return err
}

// String implements pflag.Value.
func (l *limitFlag) String() string {
	if *l == 0 {
		return "none"
	}
	return scheduler.Words(time.Duration(*l))
}

// Type implements pflag.Value.
func (l *limitFlag) Type() string { return "duration" }

// bindTimeLimits defines --default-timeout and --max-timeout.
func bindTimeLimits(cmd *cobra.Command, byDefault, most time.Duration) *timeLimits {
	l := &timeLimits{limitFlag(byDefault), limitFlag(most)}
	f := cmd.Flags()
	f.Var(&l.byDefault, "default-timeout", "time limit of jobs that name none, as 24h; none: no limit")
	f.Var(&l.most, "max-timeout", "longest time limit that jobs may have, as 7d; none: any. A user's own lower one holds")
	variable(f, "default-timeout", "MLQ_DEFAULT_TIMEOUT")
	variable(f, "max-timeout", "MLQ_MAX_TIMEOUT")
	return l
}

func (l *timeLimits) check() error {
	if l.most > 0 && l.byDefault > l.most {
		return misconfigured("--default-timeout %s is above --max-timeout %s", &l.byDefault, &l.most)
	}
	return nil
}
