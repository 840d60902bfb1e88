package api

import (
	"context"
	"mime"
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

const (
	// defaultIdle is how long the process of a kept function waits for a message.
	defaultIdle = 30 * time.Minute
	mostIdle    = 7 * 24 * time.Hour
	mediaSource = "text/x-python"
)

// putConsumed answers POST /consumer?local=1 and ?keep=1: functions whose messages go
// to consumers. It reports whether it was one of these.
func (s *Server) putConsumed(c *call) (bool, error) {
	q := c.r.URL.Query()
	local, err := flag(q.Get("local"), "local")
	if err != nil {
		return false, err
	}
	keep, err := flag(q.Get("keep"), "keep")
	switch {
	case err != nil:
		return false, err
	case local && keep:
		return false, refuse(CodeBadRequest, "local and keep: a function is in a process of yours, or MLQ keeps it loaded")
	case local:
		return true, s.putLocal(c)
	case keep:
		return true, s.putKept(c)
	case isSource(c.r):
		return false, refuse(CodeInvalidField, `add keep=1: a function as source is kept loaded; one that is not is registered as its cloudpickle, or goes along as {"source": …}`)
	}
	return false, nil
}

func flag(text, name string) (bool, error) {
	switch text {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, refuse(CodeBadRequest, name+": want 1, or leave it out")
}

func isSource(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == mediaSource
}

// putLocal: the function is in processes of the user, who say so when they take its messages.
func (s *Server) putLocal(c *call) error {
	name, err := neededName(c.r)
	if err != nil {
		return err
	}
	return s.keepFunction(c, scheduler.Function{Name: name, Form: scheduler.FormLocal})
}

func neededName(r *http.Request) (string, error) {
	name, err := functionParam(r)
	if err == nil && name == "" {
		err = refuse(CodeBadRequest, "name: add ?name=, the function's name")
	}
	return name, err
}

// putKept: the function runs in a process that keeps it loaded, on the device that the
// request fields ask for.
func (s *Server) putKept(c *call) error {
	if err := s.disk.writable(); err != nil {
		return err
	}
	fn, body, err := s.keptFunction(c)
	if err != nil {
		return err
	}
	if fn.SHA256, err = s.opts.Blobs.PutBytes(c.ctx(), body); err != nil {
		return err
	}
	fn.Size = int64(len(body))
	return s.keepFunction(c, fn)
}

// keptFunction reads a function that is to be kept loaded: its source, or its pickle.
func (s *Server) keptFunction(c *call) (fn scheduler.Function, body []byte, err error) {
	q := c.r.URL.Query()
	fn = scheduler.Function{Keep: true, Idle: defaultIdle, Filename: q.Get("filename")}
	if text := q.Get("idle"); text != "" {
		if fn.Idle, err = units.ParseDuration(text); err != nil || fn.Idle < time.Second || fn.Idle > mostIdle {
			return fn, nil, refuse(CodeBadRequest, `idle: want a time from 1s to 7d, as "30m"`)
		}
	}
	if isSource(c.r) {
		fn.Form = scheduler.FormSource
		if fn.Name, err = neededName(c.r); err == nil {
			body, err = s.sourceBody(c)
		}
	} else if fn.Python, err = pythonParam(c.r); err == nil {
		fn.Name, body, err = s.functionBody(c)
		q.Del("python") // the version that pickled
	}
	if err != nil {
		return fn, nil, err
	}
	if len(fn.Filename) > submission.MaxPath || !plainText(fn.Filename) {
		return fn, nil, refuse(CodeBadRequest, "filename: want at most 200 printable characters")
	}
	q.Del("name")
	if fn.Request, err = submission.ConsumerBody(fn.Name, q); err != nil {
		return fn, nil, err
	}
	err = s.mayRun(c, &fn)
	return fn, body, err
}

func (s *Server) sourceBody(c *call) ([]byte, error) {
	body, err := s.readBody(c)
	if err == nil && (len(body) == 0 || len(body) > submission.MaxSource) {
		err = refuse(CodeBadRequest, "want 1 byte to 1 MiB of source")
	}
	return body, err
}

// mayRun refuses what the job of the process would be refused for, and notes what that needs.
func (s *Server) mayRun(c *call, fn *scheduler.Function) error {
	p, err := processJob(fn)
	if err != nil {
		return err
	}
	fn.Class = p.Request.Need(p.PythonVersion).String()
	if _, err := s.haveSecrets(c, p); err != nil {
		return err
	}
	if err := s.permits(c, &p.Request); err != nil {
		return err
	}
	who, err := s.submitter(c)
	if err != nil {
		return err
	}
	return s.scheduler.Refusal(c.ctx(), who, p.Submission)
}

// processJob is what the process of a kept function is submitted as.
func processJob(fn *scheduler.Function) (*submission.Parsed, error) {
	p, err := submission.Parse(scheduler.MediaJSON, fn.Request)
	if err != nil {
		return nil, err
	}
	if fn.Form == scheduler.FormPickle {
		p.PythonVersion = fn.Python
	}
	return p, nil
}

// keepFunction registers a function in the place of one of the same name.
func (s *Server) keepFunction(c *call, fn scheduler.Function) error {
	fn.Unix = c.who.Unix
	var before scheduler.Process
	err := s.scheduler.ChangeFunctions(c.ctx(), c.who.User, func(list []scheduler.Function, now time.Time, _ bool) ([]scheduler.Function, error) {
		fn.Registered, before = now, processOf(list, fn.Name)
		return register(list, fn)
	})
	if err != nil {
		return err
	}
	s.retire(c.ctx(), before, "its function was registered anew")
	return s.write(c, http.StatusCreated, wireFunction(fn))
}

// processOf is the process of the function of that name, if there is one.
func processOf(list []scheduler.Function, name string) scheduler.Process {
	if i := functionAt(list, name); i >= 0 {
		return list[i].Process
	}
	return scheduler.Process{}
}

// retire cancels the process of a function that has gone or changed while it waits for a
// device. One that takes messages is told so with its next take.
func (s *Server) retire(ctx context.Context, p scheduler.Process, why string) {
	job, err := s.jobOf(ctx, p)
	if err == nil && job != nil && (job.State == scheduler.Queued || job.State == scheduler.Scheduled) {
		_, _, err = s.scheduler.Cancel(ctx, job.ID, why)
	}
	if err != nil { // it ends by itself, later
		s.log.Warn().Err(err).Int64("job", int64(p.Job)).Msg("the process of a function that was changed was not cancelled")
	}
}
