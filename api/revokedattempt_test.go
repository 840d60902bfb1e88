package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// endsAll opens these on a server, has what they were made with revoked, and gives how long the
// last of them went on since before the first was opened.
func (w *world) endsAll(t *testing.T, opens []open, revoke func()) time.Duration {
	t.Helper()
	var all, begun sync.WaitGroup
	start := time.Now()
	for _, o := range opens {
		begun.Add(1)
		all.Go(func() { w.untilRevoked(t, o, &begun) })
	}
	begun.Wait()
	eventually(t, "all to be under way", func() bool { return w.metric("mlq_http_requests_under_way") > float64(len(opens)) })
	revoke()
	all.Wait()
	return time.Since(start)
}

// TestJobsTokenEndsOnOtherServers: what a running job has open ends, on a server that does not know of
// it, once its agent's token is revoked or the job has ended. Nothing is believed meanwhile of what was
// read when it was opened, as of a new request: that would end it after auth.CacheFor at the soonest.
func TestJobsTokenEndsOnOtherServers(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	one, other := servers[0], servers[1]
	watched := one.submit(one.ana, `{"msg":"watched"}`)
	for what, revoke := range map[string]func(agent string, l lease){
		"its agent's token is revoked": func(agent string, _ lease) {
			one.ok(one.do(one.admin, "DELETE", "/tokens/"+strings.Split(agent, "_")[2], nil), 204, nil)
		},
		"it has ended": func(_ string, l lease) { l.succeed(envelope.Header{Value: envelope.ValueJSON}, view("1")) },
	} {
		agent := one.token("node1", auth.RoleAgent)
		l := one.signedStart(one.submit(one.ana, `{"msg":1}`), agent)
		took := other.endsAll(t, []open{
			{what + ": events of a job", l.token, "GET", path(watched, "/events"), "", 0},
			{what + ": all events", l.token, "GET", "/events", "", 0},
			{what + ": a wait for a job", l.token, "GET", path(watched, "?wait=25s"), "", 401},
		}, func() { revoke(agent, l) })
		if took >= auth.CacheFor {
			t.Errorf("%s: it went on for %v", what, took)
		}
	}
}

// signedStart is start by an agent whose token that is, as a server with a key wants it.
func (w *world) signedStart(id scheduler.JobID, agent string) lease {
	w.Helper()
	if w.epoch == 0 {
		w.join()
	}
	device, claim := fmt.Sprintf("CPU-%d", w.claims), fmt.Sprint("signed-", w.claims)
	w.claims++
	secret := auth.SignAttempt(agent, id, claim)
	hash := token.Hash(secret)
	won, err := w.sched.Claim(w.Context(), scheduler.ClaimRequest{
		Host: "node1", Epoch: w.epoch, Job: id, Devices: []string{device}, ClaimID: claim, TokenSHA256: hash[:],
	})
	must(w, err)
	l := lease{w, scheduler.LeaseRef{Job: id, Fence: won.Fence}, won.Job.Attempt().N, token.Attempt(int64(id), won.Job.Attempt().N, secret)}
	must(w, w.sched.Start(w.Context(), l.ref))
	return l
}

// TestRemovedUsersRequestsEnd: what was opened with any token of a user ends on another server too,
// once the user is removed.
func TestRemovedUsersRequestsEnd(t *testing.T) {
	t.Parallel()
	servers := twoServers(t)
	one, other := servers[0], servers[1]
	var opens []open
	for i := range 4 {
		eve := one.token("eve", auth.RoleUser)
		take := fmt.Sprintf(`{"consumer":"0123456789abcde%d","claim":"0123456789abcde%d","functions":["none"],"wait":25}`, i, i)
		opens = append(opens,
			open{fmt.Sprint("all events ", i), eve, "GET", "/events", "", 0},
			open{fmt.Sprint("a consumer that waits ", i), eve, "POST", "/consumer/take", take, 401})
	}
	var revoked time.Time
	other.endsAll(t, opens, func() {
		var done api.RemovedUser
		one.ok(one.do(one.admin, "DELETE", "/users/eve", nil), 200, &done)
		if revoked = time.Now(); done.Tokens != 4 {
			t.Errorf("removed: %+v", done)
		}
	})
	if took := time.Since(revoked); took > within {
		t.Errorf("they went on for %v after it", took)
	}
}
