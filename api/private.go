package api

import (
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// What everybody sees of others: who has which device since when and until when,
// and who waits for how many and what kind of devices. Not: ids, names, arguments,
// logs, results, paths. With Options.Private not who either.

// anotherUser stands for the name of another user on a private server. No user
// can have it: names hold no space.
const anotherUser = "another user"

// nameFor is a user's name as who asks may see it.
func (s *Server) nameFor(c *call, user string) string {
	if user == "" || !s.opts.Private || c.sees(user) {
		return user
	}
	return anotherUser
}

// classFor is what a job needs, as who asks may see it.
func (c *call) classFor(j *scheduler.Job) string {
	if c.sees(j.User) {
		return j.Class
	}
	need, err := scheduler.ParseNeed(j.Class)
	if err != nil {
		return ""
	}
	return need.Public().String()
}

// reasonFor is why a device is not free, as who asks may see it: agents name the job
// that runs there, and processes that are not ours with whose they are.
func (s *Server) reasonFor(c *call, d *scheduler.DeviceReport, lease *scheduler.Lease) string {
	switch {
	case c.who.Role == auth.RoleAdmin || lease != nil && c.sees(lease.User):
		return d.Reason
	case d.State == gpu.Leased || d.State == gpu.Clearing:
		return ""
	case d.State == gpu.Foreign && s.opts.Private:
		if _, byAgent := gpu.TakenByAgent(d.Reason); byAgent {
			return "taken by " + gpu.OtherAgent
		}
		return "used by a process that is not of MLQ"
	}
	return gpu.WithoutJob(d.Reason)
}
