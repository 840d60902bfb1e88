package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

// filterFlags select jobs.
type filterFlags struct {
	states     []string
	name, user string
}

func (f *filterFlags) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "only these: scheduled, queued, leased, running, succeeded, failed, cancelled")
	flags.StringVar(&f.name, "name", "", "only jobs of this name")
	flags.StringVar(&f.user, "user", "", "only jobs of this user (for admins)")
}

// query is the filter as the API takes it.
func (f *filterFlags) query() url.Values {
	q := url.Values{}
	for _, state := range f.states {
		q.Add("state", state)
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
