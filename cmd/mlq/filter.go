package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// filterFlags select jobs.
type filterFlags struct {
	states     []string
	reasons    []string
	name, user string
}

func (f *filterFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "only these: scheduled, queued, leased, running, succeeded, failed, cancelled")
	flags.StringVar(&f.name, "name", "", "only jobs of this name")
	flags.StringVar(&f.user, "user", "", "only jobs of this user (for admins)")
	namesInFlags(cmd, "name", "user")
}

// bindReason is for commands that look at failed jobs.
func (f *filterFlags) bindReason(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.reasons, "reason", nil, "only jobs that failed for these: error, timeout, oom, killed, lost, rejected, expired, dependency, unplaceable")
}

// query is the filter as the API takes it.
func (f *filterFlags) query() url.Values {
	q := url.Values{}
	for _, state := range f.states {
		q.Add("state", state)
	}
	if len(f.reasons) > 0 {
		q.Set("reason", strings.Join(f.reasons, ","))
	}
	if f.name != "" {
		q.Set("name", f.name)
	}
	if f.user != "" {
		q.Set("user", f.user)
	}
	return q
}

// empty reports whether nothing was selected.
func (f *filterFlags) empty() bool { return len(f.query()) == 0 }
