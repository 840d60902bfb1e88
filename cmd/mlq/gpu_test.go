package main

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/gpu"
)

// TestTolerance: what the words after the device mean, and what cannot be meant.
func TestTolerance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		undo bool
		want string
	}{
		{[]string{"500MiB"}, false, "tolerate memory=500MiB"},
		{[]string{"0"}, false, "tolerate memory=0"},
		{nil, true, "untolerate "},
		{[]string{"1GiB"}, true, "--undo takes no size"},
		{nil, false, "how much may others have?"},
		{[]string{"lots"}, false, `"lots" is no size: want bytes above 0, or a text as "40GB", "24G" or "16GiB", or 0 for none`},
		{[]string{"-1"}, false, `"-1" is no size: want bytes above 0, or a text as "40GB", "24G" or "16GiB", or 0 for none`},
	} {
		name, query, err := tolerance(c.args, c.undo)
		got := name + " " + query.Encode()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v, undo %v: %s, want %s", c.args, c.undo, got, c.want)
		}
	}
}

// TestObeyedInWords: what came of an order is what the host says now.
func TestObeyedInWords(t *testing.T) {
	t.Parallel()
	by := &api.Signed{By: "root: fan", At: time.Now()}
	host := func(change func(*api.Host)) *api.Host {
		h := &api.Host{Host: "gpu1", Devices: []api.Device{
			{UUID: "GPU-a", State: gpu.Free}, {UUID: "GPU-b", State: gpu.Leased}, {UUID: "GPU-c", State: gpu.Sick},
		}}
		change(h)
		return h
	}
	a, all := target{"gpu1", "GPU-a"}, target{host: "gpu1"}
	for want, got := range map[string]string{
		"GPU-a is well again; it is free":                     resetInWords(a, host(func(*api.Host) {})),
		"GPU-a is well again; it is foreign: used by eve":     resetInWords(a, host(func(h *api.Host) { h.Devices[0].State, h.Devices[0].Reason = gpu.Foreign, "used by eve" })),
		"GPU-a is sick again: Xid 79":                         resetInWords(a, host(func(h *api.Host) { h.Devices[0].Health = &api.DeviceHealth{Sick: "Xid 79"} })),
		"GPU-a is sick still: broken":                         resetInWords(a, host(func(h *api.Host) { h.Devices[0].State, h.Devices[0].Reason = gpu.Sick, "broken" })),
		"GPU-a: others may have no memory of it":              toleratedInWords(a, host(func(*api.Host) {})),
		"GPU-a: others may have 500 MiB of it":                toleratedInWords(a, host(func(h *api.Host) { h.Devices[0].Tolerated = 500 << 20 })),
		"gpu1 has the driver again: 1 free, 1 leased, 1 sick": attachedInWords(all, host(func(*api.Host) {})),
		"gpu1 is still detached for GPU-b by root: fan":       attachedInWords(a, host(func(h *api.Host) { h.Devices[1].Detached = by })),
		"gpu1 may have the driver again, but: no driver":      attachedInWords(all, host(func(h *api.Host) { h.GPU = &api.Driver{Problem: "no driver"} })),
		"gpu1 has let go of the driver; what runs goes on (1 device in use); when you are done: mlq gpu attach gpu1":                                               detachedInWords(all, host(func(*api.Host) {})),
		"gpu1 has let go of the driver; what runs goes on (1 device in use); the other 2 devices of it get no job either; when you are done: mlq gpu attach GPU-a": detachedInWords(a, host(func(*api.Host) {})),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
