package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// asUser is a world whose store is opened as the user of an ACL rule.
func asUser(t testing.TB, server *redistest.Server, rule string) *world {
	t.Helper()
	url := strings.Replace(server.As(t, rule, "n"), "/0?", "/1?", 1) // 0 would need no SELECT
	st, err := redisstore.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return worldOn(t, st, scheduler.DefaultTiming())
}

// ofPage is the rule of a user as docs/operate.md shows it.
func ofPage(t testing.TB, user string) string {
	t.Helper()
	return redistest.Documented(t, "../docs/operate.md", user, "n")
}

// TestDocumentedUsers: with the two Redis users of docs/operate.md, servers and
// agents can do all that they have to, and try nothing else.
func TestDocumentedUsers(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	forget := func() { redis.Say(t, "SCRIPT FLUSH") }
	agent := asUser(t, redis, ofPage(t, "mlq-agent"))
	live(asUser(t, redis, ofPage(t, "mlq")), agent, forget)
	if got := redis.Say(t, "ACL LOG"); got != "*0" {
		t.Errorf("Redis refused something: ACL LOG answers %s", got)
	}
	if _, err := agent.s.Untolerate(agent.ctx, scheduler.Order{Host: "a", Device: "GPU-a-0"}); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("an agent writes its own orders: %v", err)
	}
}

// live is the life of some jobs, with all that an agent does. forget has Redis
// forget the scripts that it knows.
func live(server, agent *world, forget func()) {
	t := agent.TB
	var ids []scheduler.JobID
	for range 3 {
		ids = append(ids, server.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 1 }))
	}
	h := agent.host("a", 3)
	watching, leave := context.WithCancel(agent.ctx)
	_, err := agent.s.Notices(watching, "b")
	agent.must(err)
	leave()
	_, err = agent.s.Notices(agent.ctx, "a")
	agent.must(err)
	var leases []scheduler.LeaseRef
	busy := map[string]bool{}
	for range ids {
		agent.must(agent.s.Idle(agent.ctx, "a", true))
		c := h.take(busy)
		_, err := agent.s.Spec(agent.ctx, c.Job.ID)
		agent.must(err)
		busy[c.Job.Attempt().Devices[0]] = true
		leases = append(leases, agent.start(c))
	}
	forget()
	agent.must(agent.s.Progress(agent.ctx, leases[0], "50"))
	server.must(server.s.LogLength(server.ctx, leases[0], 10))
	server.drain(scheduler.Drain{Host: "a", By: "new driver", In: time.Hour})
	_, err = server.s.Tolerate(server.ctx, scheduler.Order{Host: "a", Device: h.inv.Devices[0].UUID, By: "root"}, 1<<20)
	server.must(err)
	if orders, err := agent.s.Orders(agent.ctx, "a"); err != nil || len(orders.Tolerate) != 1 {
		t.Errorf("the agent was ordered %+v, %v", orders, err)
	}
	_, _, err = server.s.Revoke(server.ctx, ids[2], "cancel", "by an admin")
	server.must(err)
	for _, a := range h.renew(leases...).Answers {
		if a.Gone || a.Cancel != (a.Ref.Job == ids[2]) {
			t.Errorf("the renewal answers %+v", a)
		}
	}
	agent.finish(leases[0], scheduler.Finish{
		Outcome: scheduler.OutcomeSucceeded, Inline: []byte("result"), Result: scheduler.Result{SHA256: "x", Inline: true, Size: 6},
	})
	agent.must(agent.s.Release(agent.ctx, leases[1], "draining"))
	agent.finish(leases[2], scheduler.Finish{Outcome: scheduler.OutcomeCancelled})
	for i, want := range []scheduler.State{scheduler.Succeeded, scheduler.Queued, scheduler.Cancelled} {
		server.wantState(ids[i], want)
	}
	if _, data, err := server.s.JobWithResult(server.ctx, ids[0]); err != nil || string(data) != "result" {
		t.Errorf("the result is %q, %v", data, err)
	}
	h.join(nil, nil) // a restarted agent
	server.must(server.s.Undrain(server.ctx, "a", ""))
	_, err = server.s.KeepDrains(server.ctx)
	server.must(err)
	_, _, err = server.s.Cancel(server.ctx, ids[1], "ana") // its host must not have it again yet
	server.must(err)
	again := server.submit("ana", func(s *scheduler.Submission) { s.Request.Retries = 1 })
	agent.finish(agent.start(h.take(nil)), failure(scheduler.ReasonError))
	server.wantState(again, scheduler.Scheduled)
	server.clean()
}
