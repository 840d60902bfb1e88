package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// bulkFlags are those of commands that can hit many jobs at once.
type bulkFlags struct {
	all, yes, dryRun bool
}

// hits are the jobs that a filter selects now, the newest first.
type hits []api.Job

// hit finds the jobs of a filter. Counting many takes a while, and says so.
func hit(ctx context.Context, io streams, r *remote, query url.Values) (hits, error) {
	found := hits{}
	told := progress{io: io}
	query = cloneValues(query)
	query.Del("all")
	query.Set("limit", strconv.Itoa(pageSize))
	for {
		var page api.Page
		if err := r.get(ctx, "/jobs", query, &page); err != nil {
			return nil, err
		}
		found = append(found, page.Jobs...)
		if page.Next == "" {
			return found, nil
		}
		query.Set("before", page.Next)
		told.at("%d jobs found so far", len(found))
	}
}

func cloneValues(values url.Values) url.Values {
	c := url.Values{}
	for name, v := range values {
		c[name] = slices.Clone(v)
	}
	return c
}

// words says how many jobs of whom.
func (h hits) words() string {
	var users []string
	for i := range h {
		if !slices.Contains(users, h[i].User) {
			users = append(users, h[i].User)
		}
	}
	of := strings.Join(users[:min(len(users), 3)], ", ")
	if len(users) > 3 {
		of += fmt.Sprintf(" and %d others", len(users)-3)
	}
	return fmt.Sprintf("%s of %s", count(len(h), "job"), of)
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// bound keeps an action to the jobs that were found: not those that come
// while somebody thinks about the question.
func (h hits) bound(query url.Values) url.Values {
	query = cloneValues(query)
	if len(h) > 0 {
		query.Set("before", idText(slices.MaxFunc(h, func(a, b api.Job) int { return int(a.ID - b.ID) }).ID+1))
	}
	return query
}

// endedStates are those of which there is nothing to end.
func endedStates(states []string) (out []string) {
	for _, list := range states {
		for s := range strings.SplitSeq(list, ",") {
			if scheduler.State(s).Final() {
				out = append(out, s)
			}
		}
	}
	return out
}
