package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlq-dev/mlq/internal/jsonpickle"
	"github.com/mlq-dev/mlq/internal/pickle"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
)

// functionParam is ?name=, "" where it is not given.
func functionParam(r *http.Request) (string, error) {
	name := r.URL.Query().Get("name")
	if name != "" && !scheduler.FunctionName(name) {
		return "", refuse(CodeBadRequest, "name: want a Python name of at most 128 bytes")
	}
	return name, nil
}

// functionBody reads a pickled function, raw or as jsonpickle writes bytes, and its
// name, which ?name= says if it is given. Nothing of the pickle is run.
func (s *Server) functionBody(c *call) (name string, body []byte, err error) {
	name, err = functionParam(c.r)
	if err != nil {
		return "", nil, err
	}
	body, err = s.readBody(c)
	switch {
	case tooLarge(err):
		return "", nil, refuse(CodeTooLarge, fmt.Sprintf("a function of more than %d bytes; have it load what is large from a file", s.opts.MaxBody))
	case err != nil:
		return "", nil, err
	case len(body) == 0:
		return "", nil, refuse(CodeBadRequest, "want the cloudpickled function as the body, or ?name= to remove one by its name")
	}
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), scheduler.MediaJSON) || bytes.HasPrefix(body, []byte("{")) {
		if body, err = jsonpickle.Bytes(body); err != nil {
			return "", nil, refuse(CodeBadFunction, err.Error())
		}
	}
	name, err = pickledName(name, body)
	return name, body, err
}

func tooLarge(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeTooLarge
}

// pickledName is the name of a pickled function: what was asked for, else its own.
func pickledName(asked string, body []byte) (string, error) {
	own, err := pickle.FunctionName(body)
	switch {
	case errors.Is(err, pickle.ErrNoName) && asked != "":
		return asked, nil
	case errors.Is(err, pickle.ErrNoName):
		return "", refuse(CodeBadFunction, "the object that was pickled does not say its name; add ?name=")
	case errors.Is(err, pickle.ErrNotFunction):
		return "", refuse(CodeBadFunction, "the pickle is "+err.Error()+"; want cloudpickle.dumps(function)")
	case err != nil:
		return "", refuse(CodeBadFunction, "the body is "+err.Error()+"; want cloudpickle.dumps(function)")
	}
	if name := cmp.Or(asked, own); scheduler.FunctionName(name) {
		return name, nil
	}
	return "", refuse(CodeBadFunction, "the function's own name is not one of at most 128 bytes; add ?name=")
}

// awaitsInWords says what a message waits for, and which function was probably meant.
func awaitsInWords(missing []string, list []scheduler.Function) string {
	return cmp.Or(meantFunction(missing, list), scheduler.AwaitsInWords(missing))
}

// addAwaits shows which functions a waiting message lacks now, also one in the queue.
func (s *Server) addAwaits(ctx context.Context, j *scheduler.Job, w *Job) error {
	if !j.Message || j.State != scheduler.Scheduled && j.State != scheduler.Queued {
		return nil
	}
	list, err := s.scheduler.Functions(ctx, j.User)
	if err != nil {
		return err
	}
	if w.Awaits = scheduler.MissingFunctions(j.Functions, list); len(w.Awaits) > 0 {
		w.Detail = awaitsInWords(w.Awaits, list)
	}
	return nil
}

// whyFunctions says the same as a reason of why it waits.
func (s *Server) whyFunctions(ctx context.Context, j *scheduler.Job, text string) (string, error) {
	list, err := s.scheduler.Functions(ctx, j.User)
	if err != nil {
		return "", err
	}
	if missing := scheduler.MissingFunctions(j.Functions, list); len(missing) > 0 {
		text = awaitsInWords(missing, list)
	}
	return text, nil
}

// meantFunction says of the first name that is close to a registered one which that is.
func meantFunction(missing []string, list []scheduler.Function) string {
	for _, name := range missing {
		if near := submission.Nearest(name, each(list, func(f scheduler.Function) string { return f.Name })); near != "" {
			return fmt.Sprintf("no function %s is registered; did you mean %s?", printable(name), near)
		}
	}
	return ""
}
