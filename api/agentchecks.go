package api

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mlq-dev/mlq/scheduler"
)

// maxHeld bounds the leases of one host, as the scheduler does.
const maxHeld = 1024

// uuidRule is how devices are named: GPU-…, MIG-…, CPU-…, SIM-….
var uuidRule = regexp.MustCompile(`^(GPU|MIG|CPU|SIM)-[A-Za-z0-9][A-Za-z0-9./_-]{0,127}$`)

// check refuses what never was a lease.
func (r LeaseRef) check(pointer string) error {
	switch {
	case r.Job <= 0:
		return refuseField(CodeBadRequest, pointer+"/job", "job: want a job's id")
	case r.Fence == 0:
		return refuseField(CodeBadRequest, pointer+"/fence", "fence: want the number that the lease carries")
	}
	return nil
}

func checkRefs(pointer string, refs []LeaseRef) error {
	if len(refs) > maxHeld {
		return refuse(CodeTooLarge, fmt.Sprintf("%d leases; a host has at most %d", len(refs), maxHeld))
	}
	for i, ref := range refs {
		if err := ref.check(fmt.Sprintf("%s/%d", pointer, i)); err != nil {
			return err
		}
	}
	return nil
}

func checkInventory(in *AgentInventory) error {
	for i, d := range in.Devices {
		if !uuidRule.MatchString(d.UUID) {
			return badUUID(fmt.Sprintf("/inventory/devices/%d/uuid", i), d.UUID)
		}
	}
	return nil
}

func badUUID(pointer, uuid string) error {
	return refuseField(CodeInvalidField, pointer, fmt.Sprintf("%q is no device's UUID: want GPU-…, MIG-…, CPU-… or SIM-…", printable(uuid)))
}

// checkClaim refuses what no agent means.
func checkClaim(in *AgentClaim) error {
	job, random, ok := strings.Cut(in.ClaimID, "-")
	switch {
	case in.Job <= 0:
		return refuseField(CodeBadRequest, "/job", "job: want a job's id")
	case in.Epoch == 0:
		return refuseField(CodeBadRequest, "/epoch", "epoch: want the number that join gave")
	case !ok || !claimRule.MatchString(random):
		return refuseField(CodeInvalidField, "/claim_id", "claim_id: want JOB-RANDOM, with 16 to 64 hexadecimal digits")
	case job != fmt.Sprint(int64(in.Job)):
		return refuseField(CodeClaimReused, "/claim_id", fmt.Sprintf("claim_id: it is that of job %s", printable(job)))
	case len(in.TokenSHA256) != 32:
		return refuseField(CodeInvalidField, "/token_sha256", "token_sha256: want 32 bytes")
	case len(in.Devices) == 0:
		return refuseField(CodeInvalidField, "/devices", "devices: want the UUIDs that the job is to run on")
	}
	for i, uuid := range in.Devices {
		if !uuidRule.MatchString(uuid) {
			return badUUID(fmt.Sprintf("/devices/%d", i), uuid)
		}
	}
	return nil
}

var claimRule = regexp.MustCompile(`^[0-9a-f]{16,64}$`)

// outcomes of a finish, and reasons of a failure.
var (
	outcomes = map[scheduler.Outcome]bool{
		scheduler.OutcomeSucceeded: true, scheduler.OutcomeFailed: true, scheduler.OutcomeTimedOut: true,
		scheduler.OutcomeCancelled: true, scheduler.OutcomeLost: true,
	}
	reasons = map[scheduler.Reason]bool{
		"": true, scheduler.ReasonError: true, scheduler.ReasonTimeout: true, scheduler.ReasonOOM: true,
		scheduler.ReasonKilled: true, scheduler.ReasonLost: true, scheduler.ReasonRejected: true,
	}
)

func checkEnd(in *AgentFinish) error {
	switch {
	case !outcomes[in.Outcome]:
		return refuseField(CodeInvalidField, "/outcome", "outcome: want succeeded, failed, timed_out, cancelled or lost")
	case !reasons[in.Reason]:
		return refuseField(CodeInvalidField, "/reason", "reason: want error, timeout, oom, killed, lost or rejected")
	}
	return nil
}
