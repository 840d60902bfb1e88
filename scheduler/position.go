package scheduler

import (
	"context"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Position is where a job stands in its queue: N from 1, or 0 where it does not
// wait for a device. Over: the places before it were not all counted.
type Position struct {
	N    int
	Over bool
}

// Position counts the jobs of its kind that are ahead of this one. It asks for
// nothing else, so that many may watch their places; Why gives the reasons.
func (s *Scheduler) Position(ctx context.Context, job *Job) (Position, error) {
	if job.State != Queued {
		return Position{}, nil
	}
	a, err := s.store.Read(ctx, store.Query{
		Counts: []store.Count{{Index: queueOf(job), To: entryMember(job), Cap: maxPlace}},
	})
	if err != nil {
		return Position{}, fmt.Errorf("position of job %d: %w", job.ID, err)
	}
	return positionAfter(a.Counts[0]), nil
}

// positionAfter is the position behind so many.
func positionAfter(ahead int64) Position {
	return Position{N: int(min(ahead+1, maxPlace)), Over: ahead >= maxPlace}
}
