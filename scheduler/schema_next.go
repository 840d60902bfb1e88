//go:build mlq_next_schema

package scheduler

import (
	"context"
	"strconv"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// With the build tag mlq_next_schema the binary is one of a later schema, for
// the tests of upgrades (e2e): its migration notes how many jobs it has met.
func init() {
	migrations = append(migrations, migration{"count the jobs (a test's)", func(ctx context.Context, s *Scheduler, _ []byte) ([]byte, error) {
		n := 0
		err := s.everyPage(ctx, func(jobs []Job) error {
			n += len(jobs)
			return nil
		})
		if err != nil {
			return nil, err
		}
		a, err := s.store.Read(ctx, store.Query{})
		if err != nil {
			return nil, err
		}
		_, err = s.store.Commit(ctx, store.Commit{Identity: a.Identity, Effects: []store.Effect{
			store.Put("spec:counted", []byte(strconv.Itoa(n))),
		}})
		return nil, err
	}})
}
