package scheduler

import (
	"context"
	"github.com/mlq-dev/mlq/scheduler/store"
	"time"
)

func New(st store.Store, o Options) (*Scheduler, error)       { return &Scheduler{store: st, opts: o}, nil }
func Pick(v View, o Offer, now time.Time, seed uint64) Choice { panic("scaffold") }
func (s *Scheduler) Submit(ctx context.Context, who Who, subs []Submission, key string) (Submitted, error) {
	panic("scaffold")
}
func (s *Scheduler) Job(ctx context.Context, id JobID) (Job, error) { panic("scaffold") }
func (s *Scheduler) Jobs(ctx context.Context, f Filter) (jobs []Job, next JobID, err error) {
	panic("scaffold")
}
func (s *Scheduler) JobCount(ctx context.Context) (map[State]int64, error)      { panic("scaffold") }
func (s *Scheduler) Spec(ctx context.Context, id JobID) (Spec, error)           { panic("scaffold") }
func (s *Scheduler) InlineResult(ctx context.Context, id JobID) ([]byte, error) { panic("scaffold") }
func (s *Scheduler) Cancel(ctx context.Context, id JobID, by string) (job Job, already bool, err error) {
	panic("scaffold")
}
func (s *Scheduler) Requeue(ctx context.Context, who Who, id JobID) (JobID, error) { panic("scaffold") }
func (s *Scheduler) Revoke(ctx context.Context, id JobID, then, why string) error  { panic("scaffold") }
func (s *Scheduler) Why(ctx context.Context, id JobID) (Why, error)                { panic("scaffold") }
func (s *Scheduler) Leases(ctx context.Context) ([]Lease, error)                   { panic("scaffold") }
func (s *Scheduler) Hosts(ctx context.Context) ([]Host, error)                     { panic("scaffold") }
func (s *Scheduler) Queue(ctx context.Context, limit int) ([]Job, error)           { panic("scaffold") }
func (s *Scheduler) Drain(ctx context.Context, host, device, by string, on bool) error {
	panic("scaffold")
}
func (s *Scheduler) Events(ctx context.Context, after store.EntryID, limit int) ([]Event, error) {
	panic("scaffold")
}
func (s *Scheduler) Changes(ctx context.Context) (<-chan Change, error)         { panic("scaffold") }
func (s *Scheduler) LogLength(ctx context.Context, ref LeaseRef, n int64) error { panic("scaffold") }
func (s *Scheduler) Run(ctx context.Context) error                              { panic("scaffold") }
func (s *Scheduler) Ready(ctx context.Context) error                            { panic("scaffold") }
func (s *Scheduler) Join(ctx context.Context, inv Inventory, running []LeaseRef, locked func(uuid string) bool) (Joined, error) {
	panic("scaffold")
}
func (s *Scheduler) Report(ctx context.Context, host string, epoch uint64, inv Inventory) error {
	panic("scaffold")
}
func (s *Scheduler) Idle(ctx context.Context, host string, idle bool) error       { panic("scaffold") }
func (s *Scheduler) View(ctx context.Context, o Offer, seed uint64) (View, error) { panic("scaffold") }
func (s *Scheduler) Claim(ctx context.Context, c ClaimRequest) (Claimed, error)   { panic("scaffold") }
func (s *Scheduler) Start(ctx context.Context, ref LeaseRef) error                { panic("scaffold") }
func (s *Scheduler) Renew(ctx context.Context, host string, epoch uint64, refs []LeaseRef) (Renewed, error) {
	panic("scaffold")
}
func (s *Scheduler) Progress(ctx context.Context, ref LeaseRef, value string) error {
	panic("scaffold")
}
func (s *Scheduler) Finish(ctx context.Context, ref LeaseRef, f Finish) (Job, error) {
	panic("scaffold")
}
func (s *Scheduler) Release(ctx context.Context, ref LeaseRef, cause string) error { panic("scaffold") }
func (s *Scheduler) Notices(ctx context.Context, host string) (<-chan struct{}, error) {
	panic("scaffold")
}
