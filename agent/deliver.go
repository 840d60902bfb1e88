package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// logPatience bounds how long the end of a log holds up the end of its job.
const logPatience = 20 * time.Second

// deliver sends what the job left, and stays at it while the lease is ours: a
// result that cannot be sent stays on disk.
func deliver(ctx context.Context, t *attempt) step {
	if t.verdict.kind != throwAway {
		t.logs.flush(t.gone, logPatience)
		if t.end.LogLost != "" {
			t.log.Warn().Str("lost", t.end.LogLost).Msg("part of the job's output is lost")
			t.logs.end(t.gone, logPatience, t.end.LogLost)
		}
	}
	if t.verdict.kind == finish {
		t.verdict.finish.WorkBytes = t.agent.workdirs.size(t.ref.Job)
		if err := t.send(t.gone); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			t.verdict = undeliverable(t.verdict, err, t.isGone())
		}
	}
	return settle
}

// undeliverable is pure: what becomes of an attempt whose result or files were
// refused for good.
func undeliverable(v verdict, err error, gone bool) verdict {
	if gone {
		return verdict{kind: throwAway}
	}
	f := v.finish
	if f.Outcome == scheduler.OutcomeSucceeded {
		f.Outcome, f.Reason = scheduler.OutcomeFailed, scheduler.ReasonRejected
		f.Detail = "the result could not be kept: " + err.Error()
	}
	f.Result, f.Inline = scheduler.Result{}, nil
	return verdict{kind: finish, finish: f}
}

// send fills in the result and the files. Its error means that they were
// refused for good, or that ctx ended.
func (t *attempt) send(ctx context.Context) error {
	f := &t.verdict.finish
	if err := t.sendFiles(ctx, &f.Result); err != nil {
		return err
	}
	r := t.end.Result
	if r == nil {
		return nil
	}
	f.Result.SHA256, f.Result.Size, f.Result.Short = r.SHA256, r.Size, r.Short
	if r.Size > scheduler.InlineLimit {
		err := t.putFile(ctx, r.SHA256, r.Size, func() (*os.File, error) { return os.Open(r.Path) })
		if err != nil {
			return fmt.Errorf("its %d bytes: %w", r.Size, err)
		}
		return nil
	}
	var err error
	f.Result.Inline = true
	if f.Inline, err = os.ReadFile(r.Path); err != nil {
		return fmt.Errorf("read the spooled result: %w", err)
	}
	if blob.Sum(f.Inline) != r.SHA256 {
		f.Inline = nil
		return fmt.Errorf("%s is %w: it has another SHA-256 than when the job ended", r.Path, errDamaged)
	}
	return nil
}

// sendFiles uploads what lay in out/ and the manifest that lists it.
func (t *attempt) sendFiles(ctx context.Context, r *scheduler.Result) error {
	if t.end.Left != "" {
		t.log.Warn().Str("left", t.end.Left).Msg("not everything of out/ was taken")
	}
	if len(t.end.Files) == 0 {
		return nil
	}
	var m blob.Manifest
	for _, file := range t.end.Files {
		sent, err := t.sendOut(ctx, file)
		if err != nil {
			return fmt.Errorf("file out/%s: %w", file.Name, err)
		}
		m.Files = append(m.Files, sent)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("manifest of out/: %w", err)
	}
	r.Files, r.FileCount = blob.Sum(text), len(m.Files)
	return t.putBytes(ctx, r.Files, text)
}

// sendOut hashes a file and uploads it. Its descriptor is opened once: what is
// hashed and what is sent is the same file, whatever happens to its name.
func (t *attempt) sendOut(ctx context.Context, file slot.OutFile) (blob.File, error) {
	f, err := slot.OpenOut(t.agent.workdirs.path(t.ref.Job), file.Name)
	if err != nil {
		return blob.File{}, err
	}
	defer closeFile(f)
	sum, size, err := hashFile(ctx, f)
	if err != nil {
		return blob.File{}, err
	}
	err = t.upload(ctx, func() error {
		return t.agent.opts.API.PutBlob(ctx, sum, size, f)
	})
	return blob.File{Name: file.Name, Size: size, SHA256: sum}, err
}

// upload repeats put until it succeeds, is refused for good, or ctx ends.
func (t *attempt) upload(ctx context.Context, put func() error) error {
	var away outage
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := put()
		if err == nil || errors.Is(err, ErrRefused) || ctx.Err() != nil {
			if lasted, was := away.ends(time.Now()); was && err == nil {
				t.log.Info().Dur("away_ms", lasted).Msg("uploaded after all")
			}
			return err
		}
		if away.fails(err, time.Now()) {
			t.log.Warn().Err(err).Msg("cannot upload, trying again")
		}
		sleep(ctx, pause)
	}
}
