package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestAgentRoutes: each is asked once as an agent asks, and answers as described.
func TestAgentRoutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	id, waits := w.submit(w.ana, `{"msg":1}`), w.submit(w.ana, `{"msg":2}`)
	var view api.AgentView
	offer := scheduler.Offer{Environments: w.inv.Environments}
	for _, d := range w.inv.Devices {
		offer.Devices = append(offer.Devices, scheduler.OfferedDevice{Device: d.Device, Free: true})
	}
	w.ok(n.post("/view", api.WireOffer(&offer, 1)), 200, &view)
	if len(view.Entries) != 2 || view.Entries[0].Job != id {
		t.Errorf("view %+v", view)
	}
	w.ok(n.post("/idle", `{"idle": true}`), 204, nil)
	w.ok(w.do(n.token, "GET", "/agents/node1/revision", nil), 200, nil)
	w.ok(w.do(n.token, "GET", fmt.Sprintf("/agents/node1/jobs/%d", id), nil), 200, nil)
	w.ok(w.do(n.token, "GET", fmt.Sprintf("/agents/node1/jobs/%d/spec", waits), nil), 200, nil)
	w.ok(w.do(n.token, "GET", "/agents/node1/orders", nil), 200, nil)
	w.ok(w.do(n.token, "GET", "/agents/node1/signers", nil), 200, nil)
	w.ok(w.do(n.token, "HEAD", "/agents/node1/notices", nil), 200, nil)
	w.ok(n.post("/report", api.AgentReport{Epoch: n.epoch, Inventory: api.WireInventory(w.inv)}), 204, nil)
	ref := n.running(id, "CPU-0")
	w.ok(n.post("/progress", api.AgentProgress{LeaseRef: ref, Progress: "0.5"}), 204, nil)
	var renewed api.AgentRenewed
	w.ok(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 1, Leases: []api.LeaseRef{ref}}), 200, &renewed)
	if len(renewed.Leases) != 1 || renewed.Leases[0].Gone || renewed.Leases[0].LeaseRef != ref || time.Since(renewed.Now) > time.Minute {
		t.Errorf("renewed %+v", renewed)
	}
	w.ok(n.post("/finish", api.AgentFinish{LeaseRef: ref, Outcome: scheduler.OutcomeSucceeded}), 200, nil)
	released := n.running(waits, "CPU-1")
	w.ok(n.post("/release", api.AgentRelease{LeaseRef: released, Cause: "tried out"}), 204, nil)
}

// TestAgentFences: rows of old, future, zero and text fences.
func TestAgentFences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	id := w.submit(w.ana, `{"msg":1}`)
	old := n.running(id, "CPU-0")
	w.ok(n.post("/release", api.AgentRelease{LeaseRef: old}), 204, nil)
	future := api.LeaseRef{Job: id, Fence: old.Fence + 1000}
	for _, ref := range []api.LeaseRef{old, future} {
		w.refused(n.post("/finish", api.AgentFinish{LeaseRef: ref, Outcome: scheduler.OutcomeFailed}), 409, "stale-lease")
		w.refused(n.post("/start", ref), 409, "stale-lease")
		var renewed api.AgentRenewed
		w.ok(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 1, Leases: []api.LeaseRef{ref}}), 200, &renewed)
		if !renewed.Leases[0].Gone {
			t.Errorf("a renewal says %+v", renewed.Leases[0])
		}
	}
	for fence, code := range map[string]api.Code{"0": "bad-request", `"17"`: "bad-request", "-1": "bad-request", "1.5": "bad-request", "null": "bad-request", "1e99": "bad-request", "NaN": "bad-json"} {
		lease := fmt.Sprintf(`"job": %d, "fence": %s`, id, fence)
		w.refused(n.post("/finish", `{`+lease+`, "outcome": "failed", "exit_code": 1}`), 400, code)
		w.refused(n.post("/start", `{`+lease+`}`), 400, code)
		p := w.refused(n.post("/renew", fmt.Sprintf(`{"epoch": %d, "number": 1, "leases": [{%s}]}`, n.epoch, lease)), 400, code)
		if code == "bad-request" && !strings.Contains(p.Detail, "fence") {
			t.Errorf("fence %s: %s", fence, p.Detail)
		}
	}
}

// TestAgentFinishWithoutItsBlob: the pointer of a job that has ended never
// changes, so it points to what is there.
func TestAgentFinishWithoutItsBlob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	ref := n.running(w.submit(w.ana, `{"msg":1}`), "CPU-0")
	data := bytes.Repeat([]byte("x"), scheduler.InlineLimit+1)
	f := api.AgentFinish{LeaseRef: ref, Outcome: scheduler.OutcomeSucceeded, SHA256: blob.Sum(data), Size: int64(len(data))}
	w.refused(n.post("/finish", f), 409, api.CodeBlobMissing)
	w.ok(w.do(n.token, "PUT", "/blobs/"+f.SHA256, data), 201, nil)

	wrong := f
	wrong.Size++
	w.refused(n.post("/finish", wrong), 422, api.CodeDigest)
	wrong = f
	wrong.SHA256 = "ABC"
	w.refused(n.post("/finish", wrong), 422, api.CodeInvalidField)
	wrong = f
	wrong.Files, wrong.FileCount = strings.Repeat("0", 64), 1
	w.refused(n.post("/finish", wrong), 409, api.CodeBlobMissing)

	small := []byte("small")
	sum := sha256.Sum256([]byte("other"))
	wrong.Files, wrong.Inline, wrong.SHA256, wrong.Size = "", small, hex.EncodeToString(sum[:]), int64(len(small))
	w.refused(n.post("/finish", wrong), 422, api.CodeDigest)
	wrong.Inline, wrong.SHA256, wrong.Size = data, f.SHA256, f.Size
	w.refused(n.post("/finish", wrong), 413, api.CodeTooLarge)
	w.refused(n.post("/finish", api.AgentFinish{LeaseRef: ref, Outcome: "won"}), 422, api.CodeInvalidField)
	w.refused(n.post("/finish", api.AgentFinish{LeaseRef: ref, Outcome: scheduler.OutcomeFailed, Reason: "because"}), 422, api.CodeInvalidField)
	w.ok(n.post("/finish", f), 200, nil)
}

// TestAgentOfAnotherHost: what is one host's, no other's agent ends, starts or keeps alive.
func TestAgentOfAnotherHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	ref := n.running(w.submit(w.ana, `{"msg":1}`), "CPU-0")
	other := w.token("node2", auth.RoleAgent)
	for path, body := range map[string]any{
		"/finish": api.AgentFinish{LeaseRef: ref, Outcome: scheduler.OutcomeFailed}, "/start": ref,
		"/release": api.AgentRelease{LeaseRef: ref}, "/progress": api.AgentProgress{LeaseRef: ref, Progress: "1"},
	} {
		w.refused(n.postAs(other, "node2", path, body), 409, "stale-lease")
		w.refused(n.postAs(other, "node1", path, body), 403, api.CodeForbidden)
	}
	w.refused(n.postAs(other, "node1", "/join", n.joining(n.epoch)), 403, api.CodeForbidden)
	w.refused(w.do(other, "GET", "/agents/node1", nil), 403, api.CodeForbidden)
	w.refused(w.do(other, "GET", "/agents/node1/notices", nil), 403, api.CodeForbidden)
	w.refused(w.do(n.token, "GET", "/agents/node1x", nil), 403, api.CodeForbidden)
	w.refused(w.do(n.token, "GET", "/agents/node1x@0", nil), 403, api.CodeForbidden)
	w.ok(w.do(n.token, "GET", "/agents/node1@0", nil), 200, nil)
	w.refused(w.do(n.token, "GET", "/agents/node1@", nil), 400, api.CodeBadRequest)
	w.refused(w.do(n.token, "GET", "/agents/..%2Fnode1", nil), 400, api.CodeBadRequest)
	w.refused(w.do(w.ana, "GET", "/agents/ana", nil), 403, api.CodeForbidden)
	var seen api.AgentJob
	w.ok(w.do(other, "GET", fmt.Sprintf("/agents/node2/jobs/%d", ref.Job), nil), 200, &seen)
	if seen.Fence != 0 || seen.User != "" || seen.State != scheduler.Running || seen.Submitted.IsZero() {
		t.Errorf("another host sees %+v", seen)
	}
	job := w.job(w.ana, ref.Job)
	if job.State != scheduler.Running {
		t.Errorf("after all that the job is %s", job.State)
	}
}

// TestAgentOfTheNamedHost: a job that names a host runs there, whatever another
// host's agent says of itself; nor does that one see what is to be run.
func TestAgentOfTheNamedHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	w.claimElsewhere(w.submit(w.ana, `{"msg":0}`), "node2") // has it known
	id := w.submit(w.ana, `{"msg":1,"host":"node2"}`)
	w.refused(n.post("/claim", n.claiming(id, "CPU-0")), 422, api.CodeInvalidField)
	w.refused(w.do(n.token, "GET", fmt.Sprintf("/agents/node1/jobs/%d/spec", id), nil), 403, api.CodeForbidden)
	w.ok(w.do(w.token("node2", auth.RoleAgent), "GET", fmt.Sprintf("/agents/node2@0/jobs/%d/spec", id), nil), 200, nil)
	w.claimElsewhere(id, "node2@0")
}

// TestAgentEpochs: who was replaced, and a join that was long on its way.
func TestAgentEpochs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	old := *n
	n.rejoin()
	if n.epoch <= old.epoch {
		t.Fatalf("epoch %d after %d", n.epoch, old.epoch)
	}
	id := w.submit(w.ana, `{"msg":1}`)
	w.refused(old.post("/renew", api.AgentRenew{Epoch: old.epoch, Number: 9, Leases: []api.LeaseRef{}}), 409, "stale-agent")
	w.refused(old.post("/claim", old.claiming(id, "CPU-0")), 409, "stale-agent")
	w.refused(old.post("/report", api.AgentReport{Epoch: old.epoch, Inventory: api.WireInventory(w.inv)}), 409, "stale-agent")
	w.refused(old.post("/join", n.joining(old.epoch)), 409, "stale-agent")
	w.ok(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 7, Leases: []api.LeaseRef{}}), 200, nil)
	w.refused(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 6, Leases: []api.LeaseRef{}}), 503, "busy")
	w.ok(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 7, Leases: []api.LeaseRef{}}), 200, nil) // a repeat
	w.refused(n.post("/renew", api.AgentRenew{Epoch: n.epoch + 1, Number: 8, Leases: []api.LeaseRef{}}), 409, "rejoin")
	w.refused(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Leases: []api.LeaseRef{}}), 400, api.CodeBadRequest)

	slow := n.joining(n.epoch)
	slow.Believe = time.Hour
	p := w.refused(n.post("/join", slow), 422, api.CodeInvalidField)
	if !strings.Contains(p.Detail, "1h0m0s") || !strings.Contains(p.Detail, "--time-scale") {
		t.Errorf("an agent with other times is told %q", p.Detail)
	}
}

// TestAgentClaims: devices that are none, and an id that took something else.
func TestAgentClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.node()
	first, second := w.submit(w.ana, `{"msg":1}`), w.submit(w.ana, `{"msg":2}`)
	w.refused(n.post("/claim", n.claiming(first, "CPU-7")), 409, api.CodeUnregistered)
	for _, uuid := range []string{"", "0", "GPU-", "GPU-a b", "cpu-0", "CPU-0\n", "TPU-1", "GPU-" + strings.Repeat("a", 200)} {
		w.refused(n.post("/claim", n.claiming(first, uuid)), 422, api.CodeInvalidField)
	}
	none := n.claiming(first, "CPU-0")
	none.Devices = nil
	w.refused(n.post("/claim", none), 422, api.CodeInvalidField)

	claim := n.claiming(first, "CPU-0")
	w.ok(n.post("/claim", claim), 200, nil)
	reused := claim
	reused.Job = second
	w.refused(n.post("/claim", reused), 409, api.CodeClaimReused)
	reused = claim
	reused.Devices = []string{"CPU-1"}
	w.refused(n.post("/claim", reused), 409, api.CodeClaimReused)
	for _, id := range []string{"", "1", fmt.Sprintf("%d-", first), fmt.Sprintf("%d-xyz", first), fmt.Sprintf("%d-%s", first, strings.Repeat("a", 65))} {
		bad := n.claiming(first, "CPU-1")
		bad.ClaimID = id
		w.refused(n.post("/claim", bad), 422, api.CodeInvalidField)
	}
	w.refused(n.post("/claim", n.claiming(first, "CPU-1")), 409, "taken")
	w.refused(n.post("/claim", n.claiming(999, "CPU-1")), 404, api.CodeNotFound)
	short := n.claiming(second, "CPU-1")
	short.TokenSHA256 = short.TokenSHA256[:31]
	w.refused(n.post("/claim", short), 422, api.CodeInvalidField)
	if job := w.job(w.ana, second); job.State != scheduler.Queued {
		t.Errorf("after all that the second is %s", job.State)
	}
}

// TestAgentRenewsTooMuch: too many leases, and too often; never an honest agent.
func TestAgentRenewsTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure) // as agents do: over HTTP/1 a refusal may be lost where more is still sent
	n := w.node()
	for _, count := range []int{1025, 100_000} {
		refs := make([]api.LeaseRef, count)
		for i := range refs {
			refs[i] = api.LeaseRef{Job: scheduler.JobID(i + 1), Fence: 1}
		}
		w.refused(n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: 1, Leases: refs}), 413, api.CodeTooLarge)
	}
	// An agent that is woken all the time renews ten times a second.
	began, limited := time.Now(), 0
	for i := range 1000 {
		a := n.post("/renew", api.AgentRenew{Epoch: n.epoch, Number: uint64(i + 1), Leases: []api.LeaseRef{}})
		if a.status == 429 {
			limited++
			w.refused(a, 429, api.CodeTooManyRequests)
		}
	}
	took := time.Since(began)
	if free := 10 * took.Seconds(); limited == 0 || float64(1000-limited) < free {
		t.Errorf("%d of 1000 within %v were refused", limited, took)
	}
}

// TestAgentBodies: what is no request of an agent.
func TestAgentBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure) // as agents do: over HTTP/1 a refusal may be lost where more is still sent
	n := w.node()
	for body, code := range map[string]api.Code{
		``: "bad-json", `null`: "bad-json", `[]`: "bad-json", `{"idle": true} x`: "bad-json", `{"idle": tru}`: "bad-json",
		`{"idle": true, "idle": false}`: "duplicate-field", `{"idle": true, "more": 1}`: "unknown-field", `{"idle": "yes"}`: "bad-request", `{}`: "bad-request", `{"IDLE": true}`: "bad-request",
	} {
		w.refused(n.post("/idle", body), 400, code)
	}
	w.refused(n.post("/idle", `{"idle": true, "x": "`+strings.Repeat("a", 1<<20)+`"}`), 413, api.CodeTooLarge)
	w.refused(w.do(n.token, "POST", "/agents/node1/idle", `{"idle": true}`, header{"Content-Type", "text/plain"}), 415, api.CodeMediaType)
	bad := n.joining(n.epoch)
	bad.Inventory.Devices[0].UUID = "nonsense"
	w.refused(n.post("/join", bad), 422, api.CodeInvalidField)
	ref := n.running(w.submit(w.ana, `{"msg":1}`), "CPU-0")
	for _, text := range []string{"", "{", strings.Repeat("1", 5000)} {
		w.refused(n.post("/progress", api.AgentProgress{LeaseRef: ref, Progress: text}), 422, api.CodeInvalidField)
	}
	w.refused(w.do(n.token, "GET", fmt.Sprintf("/agents/node1/jobs/%d/spec", ref.Job), nil), 403, api.CodeForbidden)
}
