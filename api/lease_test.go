package api_test

import (
	"fmt"
	"net/http"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// join makes the test an agent with two CPU slots that meet every request.
func (w *world) join() {
	w.Helper()
	w.inv = scheduler.Inventory{Host: "node1", BootID: "b1", Version: "test", Environments: []scheduler.Environment{
		{Name: "default", Path: "/usr/bin/python3", Version: "3.11.7", Cloudpickle: "3.0.0"},
	}}
	for i := range 2 {
		w.inv.Devices = append(w.inv.Devices, scheduler.DeviceReport{State: gpu.Free, Device: gpu.Device{
			UUID: fmt.Sprintf("CPU-%d", i), Index: i, Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true,
		}})
	}
	joined, err := w.sched.Join(w.Context(), w.inv, nil, nil)
	must(w, err)
	w.epoch = joined.Epoch
}

// lease is a claimed attempt in the hands of the test.
type lease struct {
	*world
	ref   scheduler.LeaseRef
	n     int
	token string // of the attempt
}

// claim takes a job as an agent does.
func (w *world) claim(id scheduler.JobID, device int) lease {
	w.Helper()
	if w.epoch == 0 {
		w.join()
	}
	w.claims++
	secret := token.NewSecret()
	hash := token.Hash(secret)
	won, err := w.sched.Claim(w.Context(), scheduler.ClaimRequest{
		Host: "node1", Epoch: w.epoch, Job: id, Devices: []string{fmt.Sprintf("CPU-%d", device)},
		ClaimID: fmt.Sprintf("claim-%d", w.claims), TokenSHA256: hash[:],
	})
	must(w, err)
	n := won.Job.Attempt().N
	return lease{w, scheduler.LeaseRef{Job: id, Fence: won.Fence}, n, token.Attempt(int64(id), n, secret)}
}

func (w *world) start(id scheduler.JobID, device int) lease {
	w.Helper()
	l := w.claim(id, device)
	must(w, w.sched.Start(w.Context(), l.ref))
	return l
}

// succeed finishes with a result envelope, inline or as a blob by its size.
func (l lease) succeed(h envelope.Header, parts ...envelope.Part) {
	l.Helper()
	h.Kind = envelope.KindResult
	l.finish(scheduler.Finish{Outcome: scheduler.OutcomeSucceeded}, h, parts...)
}

func (l lease) finish(f scheduler.Finish, h envelope.Header, parts ...envelope.Part) {
	l.Helper()
	data, err := envelope.Encode(h, parts...)
	must(l, err)
	f.Result.SHA256, f.Result.Size, f.Result.Short = blob.Sum(data), int64(len(data)), h.Short
	if len(data) <= scheduler.InlineLimit {
		f.Result.Inline, f.Inline = true, data
	} else {
		l.ok(l.do(l.agent, "PUT", "/blobs/"+f.Result.SHA256, data), http.StatusCreated, nil)
	}
	_, err = l.sched.Finish(l.Context(), l.ref, f)
	must(l, err)
}

func view(data string) envelope.Part { return envelope.Part{Name: "view", Data: []byte(data)} }
