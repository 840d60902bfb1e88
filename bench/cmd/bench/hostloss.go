package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
	"github.com/mlq-dev/mlq/scheduler"
)

// lossPatience is how long a job of a lost host may take to run elsewhere before the
// measurement gives up.
const lossPatience = 3 * time.Minute

// hostLoss measures T11, with the times that hosts have by default: a host loses its
// power, and how long later its job starts on another one; an agent is killed while its
// job ends, and how long after its next start the job has ended for its user.
func (b *bench) hostLoss(ctx context.Context) error {
	return b.served(ctx, func(_ *stand.Redis, s *stand.Server) error {
		return b.repeated(func(rep int) error { return b.hostLossOnce(ctx, s, rep) })
	})
}

func (b *bench) hostLossOnce(ctx context.Context, s *stand.Server, rep int) error {
	back, err := b.agentBack(ctx, s, fmt.Sprintf("agent%d", rep))
	if err != nil {
		return err
	}
	moved, err := b.powerOff(ctx, s, rep)
	if err != nil {
		return err
	}
	for _, sample := range []report.Sample{
		{Metric: "agent started again to its job's end", Value: back.Seconds()},
		{Metric: "host lost to its job on another", Value: moved.Seconds()},
	} {
		sample.Figure, sample.Unit, sample.Subject, sample.Rep, sample.N = "T11", "s", report.MLQ, rep, 1
		if err := b.add(sample); err != nil {
			return err
		}
	}
	return nil
}

// agentBack kills an agent; its slot carries the job to its end meanwhile.
func (b *bench) agentBack(ctx context.Context, s *stand.Server, name string) (time.Duration, error) {
	m, err := s.Member(ctx, b.py, name)
	if err != nil {
		return 0, err
	}
	defer m.Stop()
	mark := b.out + "/" + name + ".over"
	id, err := b.submitted(ctx, s, "sh", "-c", "sleep 2; touch "+mark)
	if err != nil {
		return 0, err
	}
	if _, err := jobOnce(ctx, s, id, func(j *api.Job) bool { return j.State == scheduler.Running }); err != nil {
		return 0, err
	}
	if err := m.KillAgent(); err != nil {
		return 0, err
	}
	if err := poll(ctx, func() (bool, error) { _, err := os.Stat(mark); return err == nil, nil }); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := m.Start(ctx); err != nil {
		return 0, err
	}
	_, err = jobOnce(ctx, s, id, func(j *api.Job) bool { return j.State == scheduler.Succeeded })
	return time.Since(begun), err
}

// powerOff ends all processes of the host that runs a job, while another one is free.
func (b *bench) powerOff(ctx context.Context, s *stand.Server, rep int) (time.Duration, error) {
	lost, err := s.Member(ctx, b.py, fmt.Sprintf("lost%d", rep))
	if err != nil {
		return 0, err
	}
	defer lost.Stop()
	id, err := b.submitted(ctx, s, "sleep", "600")
	if err != nil {
		return 0, err
	}
	if _, err := jobOnce(ctx, s, id, func(j *api.Job) bool { return j.State == scheduler.Running }); err != nil {
		return 0, err
	}
	other, err := s.Member(ctx, b.py, fmt.Sprintf("other%d", rep))
	if err != nil {
		return 0, err
	}
	defer other.Stop()
	begun := time.Now()
	if err := lost.PowerOff(); err != nil {
		return 0, err
	}
	job, err := jobOnce(ctx, s, id, func(j *api.Job) bool { return len(j.Attempts) == 2 && !j.Attempts[1].Started.IsZero() })
	if err != nil {
		return 0, err
	}
	return job.Attempts[1].Started.Sub(begun), nil // both clocks are this machine's
}

// submitted queues a command, and gives its job's id.
func (b *bench) submitted(ctx context.Context, s *stand.Server, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.program("mlq"), append([]string{"run", "-d", "--gpus", "0", "--"}, argv...)...)
	cmd.Env = append(os.Environ(), s.Env()...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// jobOnce waits until a job is as wanted, as one who asks without end sees it.
func jobOnce(ctx context.Context, s *stand.Server, id string, wanted func(*api.Job) bool) (job api.Job, err error) {
	err = poll(ctx, func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/jobs/"+id, nil)
		if err != nil {
			return false, err
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err
		}
		defer func() { _ = resp.Body.Close() }() // all that counts was read
		job = api.Job{}
		if err := json.NewDecoder(resp.Body).Decode(&job); err != nil {
			return false, err
		}
		return wanted(&job), nil
	})
	if err != nil {
		err = fmt.Errorf("job %s is %s, with %d attempts: %w", id, job.State, len(job.Attempts), err)
	}
	return job, err
}

// poll asks every 20 ms until it is so.
func poll(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lossPatience, fmt.Errorf("not within %v", lossPatience))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
