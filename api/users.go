package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// User is a user: what they are, their own limits, and what they have now.
type User struct {
	Name    string      `json:"name"`
	Unix    string      `json:"unix,omitempty"`
	Created time.Time   `json:"created"`
	Roles   []auth.Role `json:"roles"` // of their tokens
	// Limits of their own; absent: the server's.
	MaxDevices        int     `json:"max_devices,omitempty"`
	MaxQueued         int     `json:"max_queued,omitempty"`
	MaxTimeoutSeconds float64 `json:"max_timeout_s,omitempty"`
	Limits            Limits  `json:"limits"`
	Waiting           int64   `json:"waiting"` // jobs
	Devices           int64   `json:"devices"` // held now
}

// Limits are those that hold for a user on this server: the lower of their own
// and the server's; absent: there is none.
type Limits struct {
	MaxDevices            int     `json:"max_devices,omitempty"`
	MaxQueued             int     `json:"max_queued,omitempty"`
	MaxTimeoutSeconds     float64 `json:"max_timeout_s,omitempty"`
	DefaultTimeoutSeconds float64 `json:"default_timeout_s,omitempty"`
}

// RemovedUser answers the removal of a user.
type RemovedUser struct {
	Name      string            `json:"name"`
	Tokens    int               `json:"tokens"` // revoked
	Cancelled []scheduler.JobID `json:"cancelled"`
}

// listUsers answers GET /users: all of them to admins, to others themselves.
func (s *Server) listUsers(c *call) error {
	var users []auth.User
	var err error
	if c.who.Role == auth.RoleAdmin {
		users, err = s.opts.Tokens.Users(c.ctx())
	} else {
		users = make([]auth.User, 1)
		users[0], err = s.opts.Tokens.User(c.ctx(), c.who.User)
	}
	if err != nil {
		return err
	}
	list, err := s.wireUsers(c, users)
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, map[string][]User{"users": list})
}

// getUser answers GET /users/{name}.
func (s *Server) getUser(c *call) error {
	name := c.param("name")
	if !c.sees(name) {
		return auth.ErrNoUser
	}
	user, err := s.opts.Tokens.User(c.ctx(), name)
	if err != nil {
		return err
	}
	return s.writeUser(c, user)
}

func (s *Server) writeUser(c *call, user auth.User) error {
	list, err := s.wireUsers(c, []auth.User{user})
	if err != nil {
		return err
	}
	return s.write(c, http.StatusOK, list[0])
}

func (s *Server) wireUsers(c *call, users []auth.User) ([]User, error) {
	names := make([]string, len(users))
	for i := range users {
		names[i] = users[i].Name
	}
	loads, err := s.scheduler.Loads(c.ctx(), names)
	if err != nil {
		return nil, err
	}
	tokens, err := s.opts.Tokens.List(c.ctx())
	if err != nil {
		return nil, err
	}
	list := make([]User, len(users))
	for i, u := range users {
		list[i] = User{
			Name: u.Name, Unix: u.Unix, Created: u.Created, Roles: rolesOf(u.Name, tokens), Limits: s.limitsOf(&u),
			MaxDevices: u.MaxDevices, MaxQueued: u.MaxQueued, MaxTimeoutSeconds: u.MaxTimeout.Seconds(),
			Waiting: loads[i].Waiting, Devices: loads[i].Held,
		}
	}
	return list, nil
}

func rolesOf(user string, tokens []auth.Token) []auth.Role {
	roles := []auth.Role{}
	for _, t := range tokens {
		if t.User == user && t.Role != auth.RoleAgent && !slices.Contains(roles, t.Role) {
			roles = append(roles, t.Role)
		}
	}
	slices.Sort(roles)
	return roles
}

// limitsOf gives the limits that hold for jobs that the user submits here.
func (s *Server) limitsOf(u *auth.User) Limits {
	who := s.limited(auth.Identity{User: u.Name, MaxDevices: u.MaxDevices, MaxQueued: u.MaxQueued, MaxTimeout: u.MaxTimeout})
	limits := who.Timeouts()
	return Limits{
		MaxDevices: who.MaxDevices, MaxQueued: who.MaxQueued,
		MaxTimeoutSeconds: limits.Max.Seconds(), DefaultTimeoutSeconds: limits.Default.Seconds(),
	}
}

// putUser answers PUT /users/{name}: all limits are those of the body, and
// there is such a user afterwards.
func (s *Server) putUser(c *call) error {
	change, err := s.wantedChange(c)
	if err != nil {
		return err
	}
	return s.setUser(c, change.All(), true)
}

// patchUser answers PATCH /users/{name}: what the body does not name stays.
func (s *Server) patchUser(c *call) error {
	change, err := s.wantedChange(c)
	if err != nil {
		return err
	}
	return s.setUser(c, change, s.opts.Dev && c.param("name") == s.opts.Owner.Name)
}

func (s *Server) setUser(c *call, change auth.Change, create bool) error {
	user, err := s.opts.Tokens.SetUser(c.ctx(), c.param("name"), change, create)
	if err != nil {
		return err
	}
	text, err := json.Marshal(user)
	if err != nil {
		return fmt.Errorf("encode a user: %w", err)
	}
	s.log.Info().Str("by", c.who.User).RawJSON("user", text).Msg("user changed")
	return s.writeUser(c, user)
}

// removeUser answers DELETE /users/{name}?cancel=true. A user whose jobs have
// not ended stays, unless they are to be cancelled. What runs is told to stop.
func (s *Server) removeUser(c *call) error {
	name := c.param("name")
	q, err := c.query([]string{"cancel"})
	if err != nil {
		return err
	}
	if v := q.Get("cancel"); v != "" && v != "true" && v != "false" {
		return refuse(CodeBadRequest, "want cancel=true, or leave it out")
	}
	if name == c.who.User {
		return refuse(CodeInUse, "that is you: another admin can remove you")
	}
	if _, err := s.opts.Tokens.User(c.ctx(), name); err != nil {
		return err
	}
	done := RemovedUser{Name: name, Cancelled: []scheduler.JobID{}}
	if q.Get("cancel") == "true" {
		if done.Cancelled, err = s.cancelAllOf(c, name); err != nil {
			return err
		}
	} else if err := s.freeOfJobs(c, name); err != nil {
		return err
	}
	if err := s.opts.Secrets.Forget(c.ctx(), name); err != nil {
		return err
	}
	if done.Tokens, err = s.opts.Tokens.RemoveUser(c.ctx(), name); err != nil {
		return err
	}
	s.log.Info().Str("by", c.who.User).Str("user", name).Int("tokens", done.Tokens).Msg("user removed")
	return s.write(c, http.StatusOK, done)
}

// freeOfJobs refuses to go on while a user has jobs that have not ended.
func (s *Server) freeOfJobs(c *call, name string) error {
	loads, err := s.scheduler.Loads(c.ctx(), []string{name})
	if err != nil {
		return err
	}
	if loads[0] == (scheduler.Load{}) {
		return nil
	}
	return refuse(CodeInUse, fmt.Sprintf("%s has jobs: %d waiting, and %d devices held; cancel them first, or ask for it with this (cancel=true)",
		name, loads[0].Waiting, loads[0].Held))
}

// cancelAllOf cancels a user's jobs, until there is none that waits.
func (s *Server) cancelAllOf(c *call, name string) ([]scheduler.JobID, error) {
	cancelled := []scheduler.JobID{}
	f := scheduler.Filter{User: name, States: unended, Limit: pageMost}
	for more := true; more; {
		var err error
		more, err = s.eachJob(c, f, func(id scheduler.JobID) error {
			result, err := s.cancel(c, id)
			if err == nil && !result.Already {
				cancelled = append(cancelled, id)
			}
			return err
		})
		if err != nil {
			return cancelled, err
		}
	}
	return cancelled, nil
}
