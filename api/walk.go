package api

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Route is one route as the router has it.
type Route struct {
	Method  string
	Pattern string
}

// Routes walks the router; the interface's description is compared with it.
// HEAD is left out: it goes with GET.
func (s *Server) Routes() []Route {
	var all []Route
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method != http.MethodHead {
			all = append(all, Route{method, pattern})
		}
		return nil
	})
	if err != nil { // only the function above can fail, and it does not
		panic(fmt.Sprintf("walk the routes: %v", err))
	}
	return all
}
