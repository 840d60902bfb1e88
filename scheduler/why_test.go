package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestWhyDevices: what is on the devices that fit, in words; the first to be had first.
func TestWhyDevices(t *testing.T) {
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	two := time.Date(2026, 11, 24, 14, 2, 0, 0, time.UTC)
	python := gpu.Process{PID: 4242, Name: "python", User: "ana", Since: two}
	is := func(state gpu.State, change ...func(*DeviceReport)) func(*DeviceReport) {
		return func(d *DeviceReport) {
			d.State, d.Since = state, two
			for _, c := range change {
				c(d)
			}
		}
	}
	reason := func(text string) func(*DeviceReport) { return func(d *DeviceReport) { d.Reason = text } }
	foreign := func(p ...gpu.Process) func(*DeviceReport) { return func(d *DeviceReport) { d.Foreign = p } }
	free := is(gpu.Free)
	for _, c := range []struct {
		name   string
		gpu1   []func(*DeviceReport) // the devices' states
		gpu2   []func(*DeviceReport)
		leases []Lease
		need   int
		hide   bool
		want   string // "": no reason
	}{
		{"one is free", []func(*DeviceReport){free}, nil, nil, 1, false, ""},
		{
			"foreign and sick",
			[]func(*DeviceReport){is(gpu.Foreign, foreign(python))},
			[]func(*DeviceReport){is(gpu.Sick, reason("Xid 79"))},
			nil, 1, false,
			"2 devices fit: gpu1 #0 is used by process 4242 (python) of ana, not through MLQ, since 14:02 UTC; gpu2 #0 is sick: Xid 79",
		},
		{
			"foreign, privately",
			[]func(*DeviceReport){is(gpu.Foreign, foreign(python), reason("used by process 4242"))},
			nil, nil, 1, true,
			"1 device fits: gpu1 #0 is used by a process that is not of MLQ",
		},
		{
			"several of them, of nobody known",
			[]func(*DeviceReport){is(gpu.Foreign, foreign(gpu.Process{PID: 7, UID: 1000}, python))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is used by process 7 of user 1000 and 1 more, not through MLQ, since 14:02 UTC",
		},
		{
			"a process that cannot be seen",
			[]func(*DeviceReport){is(gpu.Foreign, foreign(gpu.Process{PID: 7, UID: -1}))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is used by process 7, not through MLQ, since 14:02 UTC",
		},
		{
			"a process that only the reason names",
			[]func(*DeviceReport){is(gpu.Foreign, reason("used by process 7 of ana"))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is used by process 7 of ana, not through MLQ, since 14:02 UTC",
		},
		{
			"no process",
			[]func(*DeviceReport){is(gpu.Foreign, reason("another process holds its lock file"))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is used, not through MLQ: another process holds its lock file",
		},
		{
			"another agent's",
			[]func(*DeviceReport){is(gpu.Foreign, reason("taken by another agent of this machine (process 9 of mlq)"))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is taken by another agent of this machine (process 9 of mlq) since 14:02 UTC",
		},
		{
			"another agent's job",
			[]func(*DeviceReport){is(gpu.Foreign, reason("taken by another agent of this machine (process 9 of mlq): process 4242 (python) of ana with 512 MiB since 13:00 UTC"), foreign(python))},
			nil, nil, 1, false,
			"1 device fits: gpu1 #0 is taken by another agent of this machine (process 9 of mlq) since 14:02 UTC",
		},
		{
			"another agent's, privately",
			[]func(*DeviceReport){is(gpu.Foreign, reason("taken by another agent of this machine (process 9 of mlq): process 4242 of ana"))},
			nil, nil, 1, true,
			"1 device fits: gpu1 #0 is taken by another agent of this machine",
		},
		{
			"held, the first to end first",
			[]func(*DeviceReport){is(gpu.Leased), free},
			[]func(*DeviceReport){is(gpu.Leased)},
			[]Lease{{User: "ana", Since: two, Devices: []string{"gpu1-0"}}, {User: "ben", Since: two, EndsBy: now.Add(time.Hour), Devices: []string{"gpu1-1"}}, {User: "ben", Since: two.Add(-24 * time.Hour), EndsBy: now.Add(30 * time.Minute), Devices: []string{"gpu2-0"}}},
			1, false,
			"3 devices fit: gpu2 #0 is held by ben since Nov 23 14:02 UTC, until 15:30 UTC at the latest; gpu1 #1 is held by ben since 14:02 UTC, until 16:00 UTC at the latest; gpu1 #0 is held by ana since 14:02 UTC, without a time limit",
		},
		{
			"held alike to the minute, by number",
			[]func(*DeviceReport){is(gpu.Leased), is(gpu.Leased)},
			nil,
			[]Lease{{User: "ana", Since: two, EndsBy: now.Add(time.Hour + time.Second), Devices: []string{"gpu1-0"}}, {User: "ana", Since: two, EndsBy: now.Add(time.Hour), Devices: []string{"gpu1-1"}}},
			1, false,
			"2 devices fit: gpu1 #0, #1 are held by ana since 14:02 UTC, until 16:00 UTC at the latest",
		},
		{
			"cleared, closed, not known",
			[]func(*DeviceReport){is(gpu.Unknown, reason("not looked at yet")), is(gpu.Drained, reason("root: fan")), is(gpu.Clearing), is(gpu.Leased)},
			nil, nil, 1, false,
			"4 devices fit: gpu1 #2, #3 are being cleared after a job; gpu1 #1 is closed: root: fan; gpu1 #0 is unknown: not looked at yet",
		},
		{
			"of many the first",
			[]func(*DeviceReport){is(gpu.Sick, reason("a")), is(gpu.Sick, reason("b")), is(gpu.Sick, reason("c")), is(gpu.Sick, reason("d")), is(gpu.Sick, reason("e")), is(gpu.Sick, reason("e"))},
			nil, nil, 1, false,
			"6 devices fit: gpu1 #0 is sick: a; gpu1 #1 is sick: b; gpu1 #2 is sick: c; gpu1 #3 is sick: d; and 2 more",
		},
		{
			"several: the host that comes closest",
			[]func(*DeviceReport){is(gpu.Leased), is(gpu.Leased)},
			[]func(*DeviceReport){free, is(gpu.Leased)},
			[]Lease{{User: "ana", Since: two, Devices: []string{"gpu1-0", "gpu1-1"}}, {User: "ben", Since: two, EndsBy: now.Add(time.Hour), Devices: []string{"gpu2-1"}}},
			2, false,
			"it needs 2 devices on one host; 1 of the 2 that fit are free on gpu2, which comes closest: gpu2 #1 is held by ben since 14:02 UTC, until 16:00 UTC at the latest; gpu2 has enough by 16:00 UTC at the latest",
		},
		{
			"several on one host, held together",
			[]func(*DeviceReport){is(gpu.Leased), is(gpu.Leased), free},
			nil,
			[]Lease{{User: "ana", Since: two, Devices: []string{"gpu1-0", "gpu1-1"}}},
			2, false,
			"it needs 2 devices on one host; 1 of the 3 that fit are free on gpu1: gpu1 #0, #1 are held by ana since 14:02 UTC, without a time limit",
		},
		{
			"several: more that are free before an end that is known",
			[]func(*DeviceReport){is(gpu.Leased), is(gpu.Leased)},
			[]func(*DeviceReport){free, is(gpu.Sick, reason("Xid 79"))},
			[]Lease{{User: "ana", Since: two, EndsBy: now.Add(time.Hour), Devices: []string{"gpu1-0", "gpu1-1"}}},
			2, false,
			"it needs 2 devices on one host; 1 of the 2 that fit are free on gpu2, which comes closest: gpu2 #1 is sick: Xid 79; gpu1 has enough by 16:00 UTC at the latest",
		},
		{
			"a card that two agents list",
			[]func(*DeviceReport){is(gpu.Sick, reason("Xid 79"))},
			[]func(*DeviceReport){is(gpu.Clearing, func(d *DeviceReport) { d.UUID = "gpu1-0" })},
			nil, 1, false, "1 device fits: gpu2 #0 is being cleared after a job",
		},
		{"enough are free on the other", []func(*DeviceReport){is(gpu.Sick)}, []func(*DeviceReport){free, free}, nil, 2, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosts := fleetOf(now, "gpu1 "+strings.Repeat("a", len(c.gpu1)), "gpu2 "+strings.Repeat("a", len(c.gpu2)))
			var open []*Host
			for i, states := range [][]func(*DeviceReport){c.gpu1, c.gpu2} {
				for j, set := range states {
					set(&hosts[i].Devices[j])
				}
				if len(states) >= c.need {
					open = append(open, &hosts[i])
				}
			}
			sc := scene{now: now, need: Need{GPUs: c.need}, leases: c.leases, leaseOn: leasesByDevice(c.leases)}
			var w Why
			sc.devices(&w, open, Shown{HideForeign: c.hide, User: func(name string) string { return name }})
			got := ""
			if len(w.Reasons) > 0 {
				got = w.Reasons[0].Text
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestEstimateOfWhatIsNotThere: what is sick, closed or used by others starts
// nothing, neither at once nor later.
func TestEstimateOfWhatIsNotThere(t *testing.T) {
	now := time.Unix(1e9, 0)
	for state, starts := range map[gpu.State]bool{
		gpu.Free: true, gpu.Clearing: true, gpu.Leased: true,
		gpu.Foreign: false, gpu.Sick: false, gpu.Unknown: false, gpu.Drained: false,
	} {
		hosts := fleetOf(now, "gpu1 a")
		hosts[0].LeaseUntil, hosts[0].Devices[0].State = now.Add(time.Minute), state
		sc := scene{now: now, need: Need{GPUs: 1}, all: hosts}
		if _, missing := sc.replay(&Job{Devices: 1, Class: "gpus=1"}, nil, nil); (missing == "") != starts {
			t.Errorf("%s: %q", state, missing)
		}
	}
}

// TestEstimateOfWhatIsLate: a job that has taken longer than its like ends at its
// limit, or nobody knows when; a lease hides nothing that is wrong with its device.
func TestEstimateOfWhatIsLate(t *testing.T) {
	now := time.Unix(1e9, 0)
	since := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		last    time.Duration
		endsBy  time.Time
		under   gpu.State // what the agent says of the leased device
		beside  gpu.State // of the other
		closed  string
		wait    time.Duration
		missing string // part of it
	}{
		"in time":                       {2 * time.Hour, time.Time{}, gpu.Leased, gpu.Unknown, "", time.Hour, ""},
		"late":                          {time.Minute, time.Time{}, gpu.Leased, gpu.Unknown, "", 0, "has taken longer than its like"},
		"just late":                     {time.Hour, time.Time{}, gpu.Leased, gpu.Unknown, "", 0, "has taken longer than its like"},
		"late, with a limit":            {time.Minute, now.Add(30 * time.Minute), gpu.Leased, gpu.Sick, "", 30 * time.Minute, ""},
		"late, beside one that is free": {time.Minute, time.Time{}, gpu.Leased, gpu.Free, "", 0, ""},
		"the driver is detached":        {2 * time.Hour, time.Time{}, gpu.Unknown, gpu.Unknown, "", 0, "of the devices that fit are 2 unknown"},
		"sick under a lease":            {2 * time.Hour, time.Time{}, gpu.Sick, gpu.Foreign, "", 0, "are 1 foreign, 1 sick"},
		"closed under a lease":          {2 * time.Hour, time.Time{}, gpu.Leased, gpu.Sick, "root: fan", 0, "more than the end of jobs"},
	} {
		hosts := fleetOf(now, "gpu1 aa")
		hosts[0].LeaseUntil = now.Add(time.Minute)
		hosts[0].Devices[0].State, hosts[0].Devices[1].State = c.under, c.beside
		if c.closed != "" {
			hosts[0].DrainedDevices = map[string]string{"gpu1-0": c.closed}
		}
		leases := []Lease{{Job: 3, Since: since, EndsBy: c.endsBy, Devices: []string{"gpu1-0"}}}
		sc := scene{now: now, need: Need{GPUs: 1}, all: hosts, leases: leases, leaseOn: leasesByDevice(leases)}
		wait, missing := sc.replay(&Job{Devices: 1, Class: "gpus=1"}, nil, map[JobID]time.Duration{3: c.last})
		if wait != c.wait || (missing == "") != (c.missing == "") || !strings.Contains(missing, c.missing) {
			t.Errorf("%s: %v, %q", name, wait, missing)
		}
	}
}
