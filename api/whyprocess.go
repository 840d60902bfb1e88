package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// whyProcess puts in front of a message's reasons what becomes of the process that is to
// take it.
func (s *Server) whyProcess(c *call, job *scheduler.Job, reasons []WhyReason) ([]WhyReason, error) {
	if job.State != scheduler.Queued || !job.Consumed() {
		return reasons, nil
	}
	registered, err := s.scheduler.Functions(c.ctx(), job.User)
	if err != nil {
		return nil, err
	}
	names := chosenNames(job.Functions, registered)
	if len(names) > 1 {
		if kept := keptOf(names, registered); kept != "" {
			return append([]WhyReason{{"process", fmt.Sprintf(
				"%s is kept loaded in a process that has no other function, and the message is for %d of them: post it for one", kept, len(names))}}, reasons...), nil
		}
		return reasons, nil
	}
	i := functionAt(registered, names[0])
	if i < 0 || !registered[i].Keep {
		return reasons, nil
	}
	text, err := s.processInWords(c, job.User, &registered[i])
	if err != nil || text == "" {
		return reasons, err
	}
	return append([]WhyReason{{"process", text}}, slices.DeleteFunc(reasons, func(r WhyReason) bool { return r.Code == "no-consumer" })...), nil
}

// keptOf is the first of the names whose function is kept loaded, "" if none is.
func keptOf(names []string, registered []scheduler.Function) string {
	for _, name := range names {
		if i := functionAt(registered, name); i >= 0 && registered[i].Keep {
			return name
		}
	}
	return ""
}

// processInWords says what the process of a kept function does, "" where it takes messages.
func (s *Server) processInWords(c *call, user string, fn *scheduler.Function) (string, error) {
	job, err := s.jobOf(c.ctx(), fn.Process)
	if err != nil {
		return "", err
	}
	switch {
	case job == nil:
		return s.refusalInWords(c.ctx(), user, fn)
	case job.State == scheduler.Queued || job.State == scheduler.Scheduled:
		why, err := s.scheduler.Why(c.ctx(), job.ID, s.shownTo(c))
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("job %d, which is to load %s, waits: %s", job.ID, fn.Name, strings.Join(each(why.Reasons, func(r scheduler.WhyReason) string { return r.Text }), "; ")), nil
	case job.State == scheduler.Failed || job.State == scheduler.Cancelled:
		return fmt.Sprintf("job %d, which was to load %s, %s (%s); it is tried again at %s", job.ID, fn.Name, job.State, job.Detail,
			fn.Process.Again(job, s.scheduler.Timing()).UTC().Format(time.TimeOnly+" UTC")), nil
	case job.State == scheduler.Succeeded:
		return fmt.Sprintf("a new process for %s is about to be started", fn.Name), nil
	}
	loaded, err := s.consumerIn(c.ctx(), user, job.ID)
	if err != nil || loaded != nil {
		return "", err
	}
	return fmt.Sprintf("job %d loads %s since %s", job.ID, fn.Name, job.Attempt().Claimed.UTC().Format(time.TimeOnly+" UTC")), nil
}

// refusalInWords says why the process cannot even be submitted, or that it is about to be.
func (s *Server) refusalInWords(ctx context.Context, user string, fn *scheduler.Function) (string, error) {
	who, sub, err := s.processSubmission(ctx, user, fn)
	if err != nil {
		return "", err
	}
	if err := s.scheduler.Refusal(ctx, who, sub); err != nil {
		if code, sentinel := codeOf(err); code != "" && statusOf(code) < 500 {
			return fmt.Sprintf("the process that is to load %s cannot be started: %s", fn.Name, wordsFrom(err, sentinel)), nil
		}
		return "", err
	}
	return fmt.Sprintf("the process that is to load %s is about to be started", fn.Name), nil
}

// consumerIn is the consumer that runs in a job, nil where none does yet.
func (s *Server) consumerIn(ctx context.Context, user string, id scheduler.JobID) (*scheduler.Consumer, error) {
	consumers, err := s.scheduler.Consumers(ctx, user)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(consumers, func(c scheduler.Consumer) bool { return c.Job == id })
	if i < 0 {
		return nil, nil
	}
	return &consumers[i], nil
}

// addProcesses says of kept functions in which process they are loaded.
func (s *Server) addProcesses(ctx context.Context, user string, list []scheduler.Function, out []Function) error {
	for i := range list {
		if !list[i].Keep {
			continue
		}
		job, err := s.jobOf(ctx, list[i].Process)
		if err != nil {
			return err
		}
		if job == nil {
			continue
		}
		p := &FunctionProcess{Job: job.ID, State: job.State}
		if job.State == scheduler.Failed || job.State == scheduler.Cancelled {
			p.Detail = job.Detail
		}
		if job.State.Active() {
			loaded, err := s.consumerIn(ctx, user, job.ID)
			if err != nil {
				return err
			}
			p.Host, p.Devices = job.Attempt().Host, job.Attempt().Devices
			if loaded != nil {
				p.Loaded, p.Since = true, loaded.Entered
			}
		}
		out[i].Process = p
	}
	return nil
}
