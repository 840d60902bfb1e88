package api

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// formLocal: nothing is kept of the function but its name.
const formLocal = "local"

// putLocal answers POST /consumer?name=&local=1: the function is in processes of the
// user that take its messages.
func (s *Server) putLocal(c *call) error {
	name, _, err := functionParams(c.r)
	if err != nil {
		return err
	}
	fn := Function{Name: name, Form: formLocal}
	err = s.functions.change(c.ctx(), c.who.User, func(list []Function, now time.Time) ([]Function, error) {
		fn.Registered = now
		return register(list, fn)
	})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusCreated, fn)
}

// consumed reports whether a message is for consumers: one of its functions is only there.
func (f *functions) consumed(ctx context.Context, user string, names []string) (bool, error) {
	list, err := f.known(ctx, user)
	return slices.ContainsFunc(list, func(fn Function) bool {
		return fn.Form == formLocal && (names == nil || slices.Contains(names, fn.Name))
	}), err
}
