package agentclient

import (
	"context"
	"strconv"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

// View implements agent.Scheduler.
func (s *Scheduler) View(ctx context.Context, o scheduler.Offer, seed uint64) (scheduler.View, error) {
	var v api.AgentView
	if err := s.post(ctx, "/view", api.WireOffer(&o, seed), &v); err != nil {
		return scheduler.View{}, err
	}
	return v.View(), nil
}

// Revision implements agent.Scheduler.
func (s *Scheduler) Revision(ctx context.Context) (uint64, error) {
	var r api.AgentRevision
	err := s.get(ctx, "/revision", &r)
	return r.Revision, err
}

// Idle implements agent.Scheduler.
func (s *Scheduler) Idle(ctx context.Context, _ string, idle bool) error {
	return s.post(ctx, "/idle", api.AgentIdle{Idle: idle}, nil)
}

// Claim implements agent.Scheduler.
func (s *Scheduler) Claim(ctx context.Context, c scheduler.ClaimRequest) (scheduler.Claimed, error) {
	in := api.AgentClaim{Epoch: c.Epoch, Job: c.Job, User: c.User, Devices: c.Devices, ClaimID: c.ClaimID, TokenSHA256: c.TokenSHA256, WorkDir: c.WorkDir}
	if c.FairHeld {
		in.Held = &c.Held
	}
	var won api.AgentClaimed
	if err := s.post(ctx, "/claim", in, &won); err != nil {
		return scheduler.Claimed{}, err
	}
	return scheduler.Claimed{Job: won.Job.AsJob(), Spec: won.Spec.Spec(), Fence: won.Fence, Replay: won.Replay}, nil
}

// Job implements agent.Scheduler.
func (s *Scheduler) Job(ctx context.Context, id scheduler.JobID) (scheduler.Job, error) {
	var job api.AgentJob
	if err := s.get(ctx, jobPath(id), &job); err != nil {
		return scheduler.Job{}, err
	}
	return job.AsJob(), nil
}

// Spec implements agent.Scheduler.
func (s *Scheduler) Spec(ctx context.Context, id scheduler.JobID) (scheduler.Spec, error) {
	var spec api.AgentSpec
	if err := s.get(ctx, jobPath(id)+"/spec", &spec); err != nil {
		return scheduler.Spec{}, err
	}
	return spec.Spec(), nil
}

func jobPath(id scheduler.JobID) string { return "/jobs/" + strconv.FormatInt(int64(id), 10) }

// Start implements agent.Scheduler.
func (s *Scheduler) Start(ctx context.Context, ref scheduler.LeaseRef) error {
	return s.post(ctx, "/start", api.WireRef(ref), nil)
}

// Progress implements agent.Scheduler.
func (s *Scheduler) Progress(ctx context.Context, ref scheduler.LeaseRef, value string) error {
	return s.post(ctx, "/progress", api.AgentProgress{LeaseRef: api.WireRef(ref), Progress: value}, nil)
}

// Finish implements agent.Scheduler.
func (s *Scheduler) Finish(ctx context.Context, ref scheduler.LeaseRef, end scheduler.Finish) (scheduler.Job, error) {
	var job api.AgentJob
	if err := s.post(ctx, "/finish", api.WireFinish(ref, &end), &job); err != nil {
		return scheduler.Job{}, err
	}
	return job.AsJob(), nil
}

// Release implements agent.Scheduler.
func (s *Scheduler) Release(ctx context.Context, ref scheduler.LeaseRef, cause string) error {
	return s.post(ctx, "/release", api.AgentRelease{LeaseRef: api.WireRef(ref), Cause: cause}, nil)
}

// Await implements agent.Leases.
func (s *Scheduler) Await(ctx context.Context, ref scheduler.LeaseRef, missing []string) error {
	in := api.AgentRelease{LeaseRef: api.WireRef(ref), Cause: scheduler.AwaitsInWords(missing), Awaits: missing}
	return s.post(ctx, "/release", in, nil)
}
