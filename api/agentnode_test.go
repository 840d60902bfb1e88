package api_test

import (
	"encoding/json"
	"fmt"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler"
)

// node is the agent of node1, over HTTP.
type node struct {
	*world
	token string
	epoch uint64
}

// node joins over HTTP.
func (w *world) node() *node {
	w.Helper()
	w.join() // has the inventory made
	n := &node{world: w, token: w.token("node1", auth.RoleAgent)}
	n.rejoin()
	return n
}

func (n *node) post(path string, body any) answer {
	n.Helper()
	return n.postAs(n.token, "node1", path, body)
}

func (n *node) postAs(token, host, path string, body any) answer {
	n.Helper()
	text, ok := body.(string)
	if !ok {
		encoded, err := json.Marshal(body)
		must(n, err)
		text = string(encoded)
	}
	return n.do(token, "POST", "/agents/"+host+path, text)
}

func (n *node) joining(after uint64) api.AgentJoin {
	t := scheduler.DefaultTiming()
	return api.AgentJoin{After: after, Believe: t.Believe, Term: t.Term, Inventory: api.WireInventory(n.inv)}
}

func (n *node) rejoin() {
	n.Helper()
	var state api.AgentState
	n.ok(n.do(n.token, "GET", "/agents/node1", nil), 200, &state)
	var named api.AgentNamed
	n.ok(n.post("/join", n.joining(state.Epoch)), 200, &named)
	n.epoch = named.Epoch
	n.ok(n.post("/takeover", api.AgentTakeOver{Epoch: n.epoch, Rebooted: named.Rebooted, Running: []api.LeaseRef{}, Locked: []string{}}), 200, nil)
}

func (n *node) claiming(id scheduler.JobID, device string) api.AgentClaim {
	n.claims++
	return api.AgentClaim{
		Epoch: n.epoch, Job: id, Devices: []string{device}, ClaimID: fmt.Sprintf("%d-%032x", id, n.claims), TokenSHA256: make([]byte, 32),
	}
}

func (n *node) running(id scheduler.JobID, device string) api.LeaseRef {
	n.Helper()
	var won api.AgentClaimed
	n.ok(n.post("/claim", n.claiming(id, device)), 200, &won)
	ref := api.LeaseRef{Job: id, Fence: won.Fence}
	n.ok(n.post("/start", ref), 204, nil)
	return ref
}
