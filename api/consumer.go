package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

var (
	functionName  = regexp.MustCompile(`^[A-Za-z_<][A-Za-z0-9_.<>]{0,127}$`)
	pythonVersion = regexp.MustCompile(`^([0-9]{1,2}\.[0-9]{1,3})(\.[0-9A-Za-z.+]{1,20})?$`)
)

// listFunctions answers GET /consumer. An agent names the user whose message it runs.
func (s *Server) listFunctions(c *call) error {
	user := c.who.User
	if u := c.r.URL.Query().Get("user"); u != "" {
		user = u
	}
	if err := s.mayListFunctions(c, user); err != nil {
		return err
	}
	list, _, err := s.functions.read(c.ctx(), user)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, map[string][]Function{"functions": list})
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

// putFunction answers POST /consumer?name=&python=: the body is the
// cloudpickle of the function, raw, or as jsonpickle writes bytes. A function
// of the same name is replaced and keeps its place.
func (s *Server) putFunction(c *call) error {
	if c.r.URL.Query().Get("local") == "1" {
		return s.putLocal(c)
	}
	name, python, err := functionParams(c.r)
	if err != nil {
		return err
	}
	if err := s.disk.writable(); err != nil {
		return err
	}
	pickle, err := s.functionBody(c)
	if err != nil {
		return err
	}
	sum, err := s.opts.Blobs.PutBytes(c.ctx(), pickle)
	if err != nil {
		return err
	}
	fn := Function{Name: name, SHA256: sum, Size: int64(len(pickle)), Python: python}
	err = s.functions.change(c.ctx(), c.who.User, func(list []Function, now time.Time) ([]Function, error) {
		fn.Registered = now
		return register(list, fn)
	})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusCreated, fn)
}

func register(list []Function, fn Function) ([]Function, error) {
	if i := slices.IndexFunc(list, func(f Function) bool { return f.Name == fn.Name }); i >= 0 {
		list[i] = fn
		return list, nil
	}
	if len(list) >= maxFunctions {
		return nil, refuse(CodeQuota, "1000 functions are registered; remove some with DELETE /consumer?name=")
	}
	return append(list, fn), nil
}

func functionParams(r *http.Request) (name, python string, err error) {
	q := r.URL.Query()
	name = q.Get("name")
	if !functionName.MatchString(name) {
		return "", "", refuse(CodeBadRequest, "name: add ?name=, the function's name; the server does not unpickle it to find out")
	}
	version := pythonVersion.FindStringSubmatch(q.Get("python"))
	if version == nil && q.Get("python") != "" {
		return "", "", refuse(CodeBadRequest, `python: want the version that pickled, as "3.11.7"`)
	}
	if version != nil {
		python = version[1]
	}
	return name, python, nil
}

// functionBody is the pickle, taken out of its JSON where it comes in one.
func (s *Server) functionBody(c *call) ([]byte, error) {
	body, err := s.readBody(c)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), scheduler.MediaJSON) || bytes.HasPrefix(body, []byte("{")) {
		var wrapped struct {
			B64 string `json:"py/b64"`
		}
		if err := json.Unmarshal(body, &wrapped); err != nil || wrapped.B64 == "" {
			return nil, refuse(CodeBadRequest, `want the cloudpickled function as bytes, or as jsonpickle writes them: {"py/b64": "…"}`)
		}
		if body, err = base64.StdEncoding.DecodeString(wrapped.B64); err != nil {
			return nil, refuse(CodeBadRequest, "py/b64 is not valid base64")
		}
	}
	if len(body) == 0 {
		return nil, refuse(CodeBadRequest, "want the cloudpickled function as the body")
	}
	return body, nil
}

// deleteFunction answers DELETE /consumer?name=.
func (s *Server) deleteFunction(c *call) error {
	name, _, err := functionParams(c.r)
	if err != nil {
		return err
	}
	err = s.functions.change(c.ctx(), c.who.User, func(list []Function, _ time.Time) ([]Function, error) {
		kept := slices.DeleteFunc(slices.Clone(list), func(f Function) bool { return f.Name == name })
		if len(kept) == len(list) {
			return nil, refuse(CodeNotFound, "no function of that name is registered")
		}
		return kept, nil
	})
	if err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}
