package scheduler

import "context"

// PromoteOnce is one round of the loop promote, for tests whose clock does not go by itself.
func (s *Scheduler) PromoteOnce(ctx context.Context) error { return s.Promote(ctx) }
