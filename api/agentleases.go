package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// maxProgress is how long a reported progress may be, as the slot bounds it.
const maxProgress = 4 << 10

// agentClaim answers POST /agents/{host}/claim.
func (s *Server) agentClaim(c *call, host string, in *AgentClaim) (any, error) {
	if err := checkClaim(in); err != nil {
		return nil, err
	}
	if err := s.registered(c, host, in.Devices); err != nil {
		return nil, err
	}
	r := scheduler.ClaimRequest{
		Host: host, Epoch: in.Epoch, Job: in.Job, User: in.User, Devices: in.Devices, ClaimID: in.ClaimID, TokenSHA256: in.TokenSHA256, WorkDir: in.WorkDir,
	}
	if in.Held != nil {
		r.Held, r.FairHeld = *in.Held, true
	}
	won, err := s.scheduler.Claim(c.ctx(), r)
	if err != nil {
		return nil, aboutJob(err, in.Job)
	}
	if !slices.Equal(won.Job.Attempt().Devices, in.Devices) {
		return nil, refuseField(CodeClaimReused, "/claim_id", "claim_id: it took other devices")
	}
	return AgentClaimed{Job: wireAgentJob(&won.Job), Spec: wireSpec(&won.Spec), Fence: won.Fence, Replay: won.Replay}, nil
}

// registered refuses devices that the host did not report.
func (s *Server) registered(c *call, host string, uuids []string) error {
	unknown, err := s.scheduler.Unreported(c.ctx(), host, uuids)
	if err != nil {
		return err
	}
	if unknown != "" {
		return refuseField(CodeUnregistered, "/devices", fmt.Sprintf("%s has not reported the device %s", host, unknown))
	}
	return nil
}

// ours refuses a lease of another host. What names no lease of this job is left
// to the transition, which says what became of it.
func (s *Server) ours(c *call, host string, ref LeaseRef) error {
	if err := ref.check(""); err != nil {
		return err
	}
	job, err := s.scheduler.Job(c.ctx(), ref.Job)
	if err != nil {
		return aboutJob(err, ref.Job)
	}
	for i := range job.Attempts {
		if a := &job.Attempts[i]; a.Fence == ref.Fence && a.Host != host {
			return fmt.Errorf("%w: it is another host's", scheduler.ErrStale)
		}
	}
	return nil
}

// aboutJob marks "no such job" as said of a job, so that an agent cannot take
// the answer of a server that has no such path for it.
func aboutJob(err error, id scheduler.JobID) error {
	if err == nil || !errors.Is(err, scheduler.ErrNotFound) {
		return err
	}
	e := explain(err)
	e.Job = id
	return e
}

// agentStart answers POST /agents/{host}/start.
func (s *Server) agentStart(c *call, host string, in *LeaseRef) (any, error) {
	if err := s.ours(c, host, *in); err != nil {
		return nil, err
	}
	return nil, aboutJob(s.scheduler.Start(c.ctx(), in.Lease()), in.Job)
}

// agentProgress answers POST /agents/{host}/progress.
func (s *Server) agentProgress(c *call, host string, in *AgentProgress) (any, error) {
	if len(in.Progress) > maxProgress || !json.Valid([]byte(in.Progress)) {
		return nil, refuseField(CodeInvalidField, "/progress", fmt.Sprintf("progress: want JSON text of at most %d bytes", maxProgress))
	}
	if err := s.ours(c, host, in.LeaseRef); err != nil {
		return nil, err
	}
	return nil, aboutJob(s.scheduler.Progress(c.ctx(), in.Lease(), in.Progress), in.Job)
}

// agentRelease answers POST /agents/{host}/release.
func (s *Server) agentRelease(c *call, host string, in *AgentRelease) (any, error) {
	if err := s.ours(c, host, in.LeaseRef); err != nil {
		return nil, err
	}
	if len(in.Awaits) > 0 {
		return nil, aboutJob(s.scheduler.Await(c.ctx(), in.Lease(), in.Awaits), in.Job)
	}
	return nil, aboutJob(s.scheduler.Release(c.ctx(), in.Lease(), in.Cause), in.Job)
}

// agentFinish answers POST /agents/{host}/finish.
func (s *Server) agentFinish(c *call, host string, in *AgentFinish) (any, error) {
	if err := checkEnd(in); err != nil {
		return nil, err
	}
	if err := s.ours(c, host, in.LeaseRef); err != nil {
		return nil, err
	}
	if err := s.resultThere(c, in); err != nil {
		return nil, err
	}
	job, err := s.scheduler.Finish(c.ctx(), in.Lease(), in.finish())
	if err != nil {
		return nil, aboutJob(err, in.Job)
	}
	return wireAgentJob(&job), nil
}

// resultThere checks what a finish points to: the pointer of a job that has
// ended never changes again.
func (s *Server) resultThere(c *call, in *AgentFinish) error {
	if in.Files != "" {
		if _, err := s.uploaded(c, "/files", in.Files); err != nil {
			return err
		}
	}
	switch {
	case in.Inline != nil:
		return inlineFits(in)
	case in.SHA256 == "":
		return nil
	}
	size, err := s.uploaded(c, "/sha256", in.SHA256)
	if err == nil && size != in.Size {
		return refuseField(CodeDigest, "/size", fmt.Sprintf("size: the blob that was uploaded has %d bytes, not %d", size, in.Size))
	}
	return err
}

func inlineFits(in *AgentFinish) error {
	if len(in.Inline) > scheduler.InlineLimit {
		return refuseField(CodeTooLarge, "/inline", fmt.Sprintf("inline: more than %d bytes; upload it with PUT /blobs/SHA256", scheduler.InlineLimit))
	}
	if sum := sha256.Sum256(in.Inline); hex.EncodeToString(sum[:]) != in.SHA256 || int64(len(in.Inline)) != in.Size {
		return refuseField(CodeDigest, "/inline", "inline: the bytes do not have the digest and size that were given")
	}
	return nil
}

// uploaded is the size of a blob. It is touched first: from then on the
// collection leaves it to the job.
func (s *Server) uploaded(c *call, pointer, sum string) (int64, error) {
	err := s.opts.Blobs.Touch(c.ctx(), sum)
	var there blob.Content
	if err == nil {
		there, err = s.opts.Blobs.Open(c.ctx(), sum)
	}
	switch {
	case errors.Is(err, blob.ErrName):
		return 0, refuseField(CodeInvalidField, pointer, "want a SHA-256 in 64 hexadecimal digits")
	case errors.Is(err, blob.ErrNotFound):
		return 0, refuseField(CodeBlobMissing, pointer, "upload it first with PUT /blobs/SHA256")
	case err != nil:
		return 0, err
	}
	return there.Size, there.Close()
}
