package scheduler

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Claim gives the agent the lease of a job on devices of its host, with what
// is to be run. A repeat with the same ClaimID gets the same lease (Replay).
// The lease lives as long as the agent's heartbeat: the agent anchors its
// belief at its last renewal, not at the claim.
//
// Refusals: ErrBusy (somebody was faster, the host is drained or avoided, or
// the user holds enough), ErrHold, ErrStaleAgent, ErrAgentTooLate, ErrRejoin,
// ErrFinal, ErrNotFound. After ErrBusy the next candidate of the same view is worth a try.
func (s *Scheduler) Claim(ctx context.Context, c ClaimRequest) (Claimed, error) {
	if c.User == "" {
		job, err := persist(ctx, patientTries, func() (Job, error) { return s.Job(ctx, c.Job) })
		if err != nil {
			return Claimed{}, fmt.Errorf("claim: %w", err)
		}
		c.User = job.User
	}
	t := transition[Claimed]{name: "claim", patient: true, remembers: c.Job, query: claimQuery(c)}
	t.decide = func(f *facts) (plan[Claimed], error) { return decideClaim(f, c, s.opts.Timing) }
	return run(ctx, s, t)
}

func claimQuery(c ClaimRequest) store.Query {
	keys := []string{
		keyJob(c.Job), keySpec(c.Job), keyEpoch, keyAgent(c.Host), keyBeat(c.Host), keyDrain(c.Host),
		keyLimits(c.User),
	}
	for _, uuid := range c.Devices {
		keys = append(keys, keyDevice(uuid))
	}
	return store.Query{Keys: keys}
}

func decideClaim(f *facts, c ClaimRequest, t Timing) (plan[Claimed], error) {
	job, err := f.job(c.Job)
	if err != nil {
		return plan[Claimed]{}, err
	}
	spec, err := decodeSpec(job.ID, f.record(keySpec(job.ID)).Value)
	if err != nil {
		return plan[Claimed]{}, err
	}
	if p, known, err := replayClaim(job, spec, c); known {
		return p, err
	}
	if err := mayClaim(f, &job, c, t); err != nil {
		return plan[Claimed]{}, err
	}
	var p plan[Claimed]
	if err := p.guardAgent(f, c.Host, c.Epoch); err != nil {
		return p, err
	}
	p.guard(store.At(keyDrain(c.Host), f.record(keyDrain(c.Host)).Version))
	if err := p.guardHeld(f, &job, c); err != nil {
		return p, err
	}
	fence, err := p.takeDevices(f, &job, c)
	if err != nil {
		return p, err
	}
	after := job.next()
	after.lease(c, fence, f.Now)
	p.change(&job, &after)
	p.tell(&after, string(Leased), c.Host, f.Now)
	p.value = Claimed{Job: after, Spec: spec, Fence: fence}
	return p, nil
}

// replayClaim recognises a claim that was already granted.
func replayClaim(job Job, spec Spec, c ClaimRequest) (p plan[Claimed], known bool, err error) {
	i := slices.IndexFunc(job.Attempts, func(a Attempt) bool { return a.ClaimID == c.ClaimID && a.Host == c.Host })
	if i < 0 {
		return p, false, nil
	}
	fence := job.Attempts[i].Fence
	if _, err := job.leaseOf(fence); err != nil {
		return p, true, err
	}
	p.value = Claimed{Job: job, Spec: spec, Fence: fence, Replay: true}
	return p, true, nil
}

// mayClaim checks all that does not concern the devices.
func mayClaim(f *facts, job *Job, c ClaimRequest, t Timing) error {
	epoch, err := f.epoch()
	if err != nil {
		return err
	}
	if until, held := epoch.holds(job.Epoch, f.Now); held {
		return fmt.Errorf("%w: job %d is older than the store's last change and may still run elsewhere until %s", ErrHold, job.ID, until)
	}
	switch {
	case job.State.Final():
		return fmt.Errorf("%w: job %d is %s", ErrFinal, job.ID, job.State)
	case job.State != Queued:
		return fmt.Errorf("%w: job %d is %s", ErrBusy, job.ID, job.State)
	case job.avoids(c.Host, f.Now, t):
		return fmt.Errorf("%w: %s released job %d and is avoided until %s", ErrBusy, c.Host, job.ID, job.Avoid[c.Host].Format(time.TimeOnly))
	case job.User != c.User:
		return &FieldError{"user", fmt.Sprintf("job %d is another user's", job.ID)}
	case len(c.Devices) != job.Devices:
		return &FieldError{"devices", fmt.Sprintf("%d given, job %d runs on %d", len(c.Devices), job.ID, job.Devices)}
	}
	if err := job.MayRunOn(c.Host); err != nil {
		return err
	}
	if err := checkBeat(f, c.Host, t); err != nil {
		return err
	}
	return checkDrain(f, c)
}

// checkBeat refuses an agent whose leases are about to end: a new one would
// end with them.
func checkBeat(f *facts, host string, t Timing) error {
	beat, _ := orEmpty[beatRecord](f, keyBeat(host))
	if age := f.Now.Sub(unstamp(beat.At)); age >= t.Term {
		return fmt.Errorf("%w: %s last renewed %s ago", ErrAgentTooLate, host, age.Round(time.Second))
	}
	return nil
}

func checkDrain(f *facts, c ClaimRequest) error {
	drain, _ := f.drain(c.Host)
	if drain.By != "" {
		return fmt.Errorf("%w: %s is drained: %s", ErrBusy, c.Host, drain.By)
	}
	for _, uuid := range c.Devices {
		if by := drain.Devices[uuid]; by != "" {
			return fmt.Errorf("%w: device %s is drained: %s", ErrBusy, uuid, by)
		}
	}
	return nil
}

// guardAgent refuses an agent process that is not, or guards that it is, the
// current one of its name.
func (d *draft) guardAgent(f *facts, host string, epoch uint64) error {
	a, version := orEmpty[agentRecord](f, keyAgent(host))
	switch {
	case a.Epoch > epoch:
		return fmt.Errorf("%w: a newer process runs as %s", ErrStaleAgent, host)
	case a.Epoch < epoch:
		return fmt.Errorf("%w: %s", ErrRejoin, host)
	}
	d.guard(store.At(keyAgent(host), version))
	return nil
}

// guardHeld keeps the user below their limit, and the choice as fair as it
// was when it was made.
//
// The limit is that of the read: an agent may not guard what servers keep. What is
// held is guarded, so that no two claims together pass a limit that both have read.
func (d *draft) guardHeld(f *facts, job *Job, c ClaimRequest) error {
	limits, _ := orEmpty[Limits](f, keyLimits(job.User))
	n := int64(job.Devices)
	if consumed(job.Class) {
		return nil
	}
	if limits.MaxDevices > 0 {
		d.guardElse(store.AtMost(keyHeld(job.User), n, int64(limits.MaxDevices)),
			fmt.Errorf("%w: %s may hold %s at once", ErrBusy, job.User, devicesInWords(int64(limits.MaxDevices))))
	}
	if c.FairHeld {
		d.guardElse(store.AtMost(keyHeld(job.User), n, c.Held+n),
			fmt.Errorf("%w: %s got another device meanwhile", ErrBusy, job.User))
	}
	return nil
}

// takeDevices guards that the devices are free, writes who has them, and
// gives the fence: above the job's last, the devices' last and the time, so
// that it grows even where a store lost its last writes. Where its clock is behind
// as well it knows of none that it lost: see spread.
func (d *draft) takeDevices(f *facts, job *Job, c ClaimRequest) (uint64, error) {
	fence := uint64(f.Now.UnixMicro())
	if a := job.Attempt(); a != nil {
		fence = max(fence, a.Fence)
	}
	for _, uuid := range c.Devices {
		var dev deviceRecord
		version, err := f.load(keyDevice(uuid), &dev)
		if err != nil { // who holds it is found out by Check
			return 0, fmt.Errorf("%w: the record of device %s is damaged in the store; the next check writes it again", ErrBusy, uuid)
		}
		if dev.Job != 0 {
			return 0, fmt.Errorf("%w: device %s has job %d", ErrBusy, uuid, dev.Job)
		}
		fence = max(fence, dev.Fence)
		d.guard(store.At(keyDevice(uuid), version))
	}
	fence++
	fence += spread(c.ClaimID)
	for _, uuid := range c.Devices {
		d.effect(store.Put(keyDevice(uuid), encode(deviceRecord{Job: job.ID, Fence: fence, Host: c.Host})))
	}
	return fence, nil
}

// spread is what a claim's fence is further above the last: of two claims that follow the same
// one, the first of which a store lost, all but one pair in 1,024 get different fences, so that a
// late end of the lost attempt is not taken for one of the other's. It is at most a millisecond:
// fences keep up with the time as long as a device is claimed less than some 1,900 times a second.
func spread(claim string) uint64 {
	return uint64(crc32.ChecksumIEEE([]byte(claim)) % 1024)
}

// lease adds the attempt.
func (j *Job) lease(c ClaimRequest, fence uint64, now time.Time) {
	j.State, j.Progress = Leased, ""
	j.Attempts = append(j.Attempts, Attempt{
		N: len(j.Attempts) + 1, Fence: fence, ClaimID: c.ClaimID, Host: c.Host, Epoch: c.Epoch,
		Devices: c.Devices, TokenSHA256: c.TokenSHA256, Claimed: now, WorkDir: c.WorkDir,
	})
}
