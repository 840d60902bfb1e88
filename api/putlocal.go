package api

import (
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// putLocal answers POST /consumer?name=&local=1: the function is in processes of the
// user that take its messages.
func (s *Server) putLocal(c *call) error {
	name, err := functionParam(c.r)
	if err == nil && name == "" {
		err = refuse(CodeBadRequest, "name: add ?name=, the function's name")
	}
	if err != nil {
		return err
	}
	fn := scheduler.Function{Name: name, Form: scheduler.FormLocal}
	err = s.scheduler.ChangeFunctions(c.ctx(), c.who.User, func(list []scheduler.Function, now time.Time, _ bool) ([]scheduler.Function, error) {
		fn.Registered = now
		return register(list, fn)
	})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusCreated, Function(fn))
}
