package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// Function is a registered listener function.
type Function struct {
	Name       string    `json:"name"`
	Form       string    `json:"form"`             // "pickle", "source" or "local"
	SHA256     string    `json:"sha256,omitempty"` // of the pickle or source, a blob
	Size       int64     `json:"size"`             // bytes
	Python     string    `json:"python,omitempty"` // "3.11": the minor that pickled it; "" unknown
	Registered time.Time `json:"registered"`
	// Of a function that is kept loaded.
	Keep     bool             `json:"keep,omitempty"`
	Idle     float64          `json:"idle,omitempty"` // s that its process waits for a message
	Filename string           `json:"filename,omitempty"`
	Request  json.RawMessage  `json:"request,omitempty"` // what its process is submitted as
	Process  *FunctionProcess `json:"process,omitempty"` // absent: there was none yet
}

// FunctionProcess is the process of a kept function, or its last one.
type FunctionProcess struct {
	Job    scheduler.JobID `json:"job"`
	State  scheduler.State `json:"state"`
	Detail string          `json:"detail,omitempty"` // why it failed
	Loaded bool            `json:"loaded"`           // it takes messages
	Since  time.Time       `json:"since,omitzero"`   // of that
	Host   string          `json:"host,omitempty"`
	// Devices that it holds.
	Devices []string `json:"devices,omitempty"`
}

func wireFunction(f scheduler.Function) Function {
	w := Function{
		Name: f.Name, Form: string(f.Form), SHA256: f.SHA256, Size: f.Size, Python: f.Python, Registered: f.Registered,
		Keep: f.Keep, Idle: f.Idle.Seconds(), Filename: f.Filename, Request: f.Request,
	}
	fill(&w.Form, "pickle")
	return w
}

// maxFunctions of one user.
const maxFunctions = 1000

var pythonVersion = regexp.MustCompile(`^([0-9]{1,2}\.[0-9]{1,3})(\.[0-9A-Za-z.+]{1,20})?$`)

// listFunctions answers GET /consumer. An agent names the user whose message it runs.
func (s *Server) listFunctions(c *call) error {
	user := c.who.User
	if u := c.r.URL.Query().Get("user"); u != "" {
		user = u
	}
	if err := s.mayListFunctions(c, user); err != nil {
		return err
	}
	list, err := s.scheduler.Functions(c.ctx(), user)
	if err != nil {
		return err
	}
	if c.who.Role == auth.RoleAgent { // which runs them
		if err := s.scheduler.VerifyFunctions(user, list); err != nil {
			s.log.Error().Err(err).Str("host", c.who.User).Msg("refused functions that no server has signed: somebody else wrote to the store, or another server has another key")
			return err
		}
	}
	functions := each(list, wireFunction)
	if err := s.addProcesses(c.ctx(), user, list, functions); err != nil {
		return err
	}
	return s.write(c, http.StatusOK, map[string][]Function{"functions": functions})
}

// mayListFunctions: users list their own, agents those of the users whose jobs their
// host has now. A host that has the name of a user is not that user.
func (s *Server) mayListFunctions(c *call, user string) error {
	if c.who.Role != auth.RoleAgent {
		if c.sees(user) {
			return nil
		}
		return refuse(CodeForbidden, "only agents and admins list the functions of others")
	}
	runs, err := s.scheduler.Runs(c.ctx(), user, func(host string) bool { return isHostOf(host, c.who.User) })
	if err == nil && !runs {
		err = refuse(CodeForbidden, "this host has no job of that user")
	}
	return err
}

// putFunction answers POST /consumer: the body is a pickled function, whose name it
// says itself or ?name= does. A function of the same name is replaced and keeps its place.
func (s *Server) putFunction(c *call) error {
	if done, err := s.putConsumed(c); done || err != nil {
		return err
	}
	if err := s.disk.writable(); err != nil {
		return err
	}
	python, err := pythonParam(c.r)
	if err != nil {
		return err
	}
	name, pickle, err := s.functionBody(c)
	if err != nil {
		return err
	}
	sum, err := s.opts.Blobs.PutBytes(c.ctx(), pickle)
	if err != nil {
		return err
	}
	return s.keepFunction(c, scheduler.Function{Name: name, SHA256: sum, Size: int64(len(pickle)), Python: python})
}

func register(list []scheduler.Function, fn scheduler.Function) ([]scheduler.Function, error) {
	if i := functionAt(list, fn.Name); i >= 0 {
		list[i] = fn
		return list, nil
	}
	if len(list) >= maxFunctions {
		return nil, refuse(CodeQuota, "1000 functions are registered; remove some with DELETE /consumer?name=")
	}
	return append(list, fn), nil
}

func functionAt(list []scheduler.Function, name string) int {
	return slices.IndexFunc(list, func(f scheduler.Function) bool { return f.Name == name })
}

func pythonParam(r *http.Request) (string, error) {
	text := r.URL.Query().Get("python")
	version := pythonVersion.FindStringSubmatch(text)
	switch {
	case text == "":
		return "", nil
	case version == nil:
		return "", refuse(CodeBadRequest, `python: want the version that pickled, as "3.11.7"`)
	}
	return version[1], nil
}

// deleteFunction answers DELETE /consumer, by name or by the function itself.
func (s *Server) deleteFunction(c *call) error {
	name, err := functionParam(c.r)
	if err == nil && name == "" {
		name, _, err = s.functionBody(c)
	}
	if err != nil {
		return err
	}
	var before scheduler.Process
	err = s.scheduler.ChangeFunctions(c.ctx(), c.who.User, func(list []scheduler.Function, _ time.Time, unsure bool) ([]scheduler.Function, error) {
		i := functionAt(list, name)
		before = processOf(list, name)
		if i < 0 && !unsure { // else it may have been removed by the try whose answer was lost
			return nil, s.noSuchFunction(name, list)
		}
		return slices.DeleteFunc(list, func(f scheduler.Function) bool { return f.Name == name }), nil
	})
	if err != nil {
		return err
	}
	s.retire(c.ctx(), before, "its function was removed")
	c.WriteHeader(http.StatusNoContent)
	return nil
}

// noSuchFunction names the nearest that there is.
func (s *Server) noSuchFunction(name string, list []scheduler.Function) *Error {
	return refuse(CodeNotFound, cmp.Or(meantFunction([]string{name}, list), "no function of that name is registered"))
}
