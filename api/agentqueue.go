package api

import (
	"net/http"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// agentView answers POST /agents/{host}/view: what Pick, on the agent, chooses from.
func (s *Server) agentView(c *call, host string, in *AgentOffer) (any, error) {
	v, err := s.scheduler.View(c.ctx(), in.offer(host), in.Seed)
	if err != nil {
		return nil, err
	}
	return wireView(&v), nil
}

// agentRevision answers GET /agents/{host}/revision.
func (s *Server) agentRevision(c *call, _ string) (any, error) {
	revision, err := s.scheduler.Revision(c.ctx())
	return AgentRevision{revision}, err
}

// agentOrders answers GET /agents/{host}/orders: what admins ordered of its devices.
func (s *Server) agentOrders(c *call, host string) (any, error) {
	orders, err := s.scheduler.Orders(c.ctx(), host)
	return wireOrders(&orders), err
}

// agentSigners answers GET /agents/{host}/signers: an agent that decides on the store
// itself asks too, for what stands there it cannot believe.
func (s *Server) agentSigners(*call, string) (any, error) {
	set := AgentSigners{Keys: []signing.PublicKey{}}
	if s.opts.Ring != nil {
		set = s.opts.Ring.Set
	}
	return set, nil
}

// agentIdle answers POST /agents/{host}/idle.
func (s *Server) agentIdle(c *call, host string, in *AgentIdle) (any, error) {
	return nil, s.scheduler.Idle(c.ctx(), host, in.Idle)
}

// agentJob answers GET /agents/{host}/jobs/{id}: whether a folder of a job may go.
// Whose it is and where it runs concerns the host that has it.
func (s *Server) agentJob(c *call, host string) (any, error) {
	id, err := c.jobID("id")
	if err != nil {
		return nil, err
	}
	job, err := s.scheduler.Job(c.ctx(), id)
	if err != nil {
		return nil, aboutJob(err, id)
	}
	if a := job.Attempt(); a == nil || a.Host != host {
		return AgentJob{Job: job.ID, State: job.State, Submitted: job.Submitted, EndedAt: job.EndedAt}, nil
	}
	return wireAgentJob(&job), nil
}

// agentSpec answers GET /agents/{host}/jobs/{id}/spec: of a job that could be
// claimed here, whether its call needs what just now cannot be had.
func (s *Server) agentSpec(c *call, host string) (any, error) {
	id, err := c.jobID("id")
	if err != nil {
		return nil, err
	}
	job, err := s.scheduler.Job(c.ctx(), id)
	if err != nil {
		return nil, aboutJob(err, id)
	}
	if job.State != scheduler.Queued {
		return nil, refuse(CodeForbidden, "only what waits can be claimed, and so be looked at")
	}
	if err := job.MayRunOn(host); err != nil {
		return nil, refuse(CodeForbidden, err.Error())
	}
	spec, err := s.scheduler.Spec(c.ctx(), id)
	if err != nil {
		return nil, aboutJob(err, id)
	}
	return wireSpec(&spec), nil
}

// noticeBeat is how often a stream of notices shows that it is alive.
const noticeBeat = 5 * time.Second

// agentNotices answers GET /agents/{host}/notices: an event for each notice,
// until one side ends it. The first comes at once: what was missed before.
func (s *Server) agentNotices(c *call) error {
	host, err := c.agentHost()
	if err != nil {
		return err
	}
	defer s.whileWriting(c)()
	notices, err := s.scheduler.Notices(c.ctx(), host)
	if err != nil {
		return err
	}
	st, err := c.startStream()
	if err != nil || c.r.Method == http.MethodHead {
		return err
	}
	return s.sendNotices(c, st, notices)
}

func (s *Server) sendNotices(c *call, st *stream, notices <-chan struct{}) error {
	beat := time.NewTicker(noticeBeat)
	defer beat.Stop()
	if err := st.notice(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case _, open := <-notices:
			if !open {
				return nil
			}
			err = st.notice()
		case <-beat.C:
			err = st.beat()
		case <-c.ctx().Done():
			return nil
		case <-s.stopping:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// NoticeLine is the line of a stream of notices that is one.
const NoticeLine = "event: notice"

func (st *stream) notice() error {
	if _, err := st.c.Write([]byte(NoticeLine + "\ndata: {}\n\n")); err != nil {
		return err
	}
	return st.c.FlushError()
}
