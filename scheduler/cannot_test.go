package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// fleetOf makes hosts, seen at the time of their age before now: "gpu1 tta" has two
// T4s and an A100 (cards), c are CPU slots, s stand-ins, m slices.
func fleetOf(now time.Time, hosts ...string) (all []Host) {
	others := map[rune]gpu.Device{
		'c': {Kind: gpu.KindCPU, Model: "CPU slot"},
		's': {Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true},
		'm': {Kind: gpu.KindMIG, Model: "NVIDIA H200 MIG 1g.18gb", Memory: 16 << 30, ComputeCapability: 90, Parent: "GPU-1"},
	}
	for _, text := range hosts {
		name, letters, _ := strings.Cut(text, " ")
		h := Host{Inventory: Inventory{Host: name, Environments: []Environment{{Name: "default", Version: "3.11.7"}}}, Renewed: now}
		for i, letter := range letters {
			d, other := others[letter]
			if !other {
				d = cards(string(letter))[0].Device
			}
			d.Index, d.UUID = i, name+"-"+string(rune('0'+i))
			h.Devices = append(h.Devices, DeviceReport{Device: d, State: gpu.Free})
		}
		all = append(all, h)
	}
	return all
}

func TestCannotRun(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		name  string
		hosts []string
		need  Need
		why   string // "": some can
	}{
		{"nobody was seen", nil, Need{GPUs: 8}, ""},
		{"it fits", []string{"gpu1 t", "gpu2 a"}, Need{GPUs: 1, MemGiB: 80}, ""},
		{"too much memory", []string{"gpu1 t", "gpu3 h", "gpu2 a"}, Need{GPUs: 1, AskedMem: 200 << 30, MemGiB: 256}, "no host has a device with 200 GiB; the largest is gpu3's NVIDIA H200 with 141 GiB"},
		{"as it was asked for", []string{"gpu1 t"}, Need{GPUs: 1, AskedMem: 40e9, MemGiB: 40}, "no host has a device with 40 GB; the largest is gpu1's Tesla T4 with 15 GiB"},
		{"as the class has it", []string{"gpu1 t"}, Need{GPUs: 1, MemGiB: 40}, "no host has a device with 40 GiB; the"},
		{"a model that is nowhere", []string{"gpu1 ta", "gpu2 at"}, Need{GPUs: 1, Type: "b200"}, `no host has a device whose model matches "b200"; there are NVIDIA A100, Tesla T4`},
		{"a model, and too much memory for it", []string{"gpu1 ta", "gpu2 h"}, Need{GPUs: 1, Type: "a100", MemGiB: 141}, `no host has a "a100" with 141 GiB; the largest is gpu1's NVIDIA A100 with 80 GiB`},
		{"capability", []string{"gpu1 ta"}, Need{GPUs: 1, MinCC: 90}, "no host has a device of compute capability 9.0; the highest is gpu1's NVIDIA A100 with 8.0"},
		{"capability of the large ones", []string{"gpu1 ta"}, Need{GPUs: 1, MinCC: 90, MemGiB: 20}, "no host has a device with 20 GiB of compute capability 9.0; the highest is gpu1's NVIDIA A100 with 8.0"},
		{"too many", []string{"gpu1 ta", "gpu2 ttt"}, Need{GPUs: 4}, "no host has 4 devices that fit; the most are 3, on gpu2"},
		{"too many of a kind", []string{"gpu1 aa", "gpu2 ttt"}, Need{GPUs: 3, Type: "a100"}, "no host has 3 devices that fit; the most are 2, on gpu1"},
		{"an agent for each device", []string{"gpu1@0 a", "gpu1@1 a"}, Need{GPUs: 2}, "the most are 1, on gpu1@0; gpu1 has more, but in several agents"},
		{"slices for one", []string{"gpu1 mm"}, Need{GPUs: 1}, ""},
		{"slices for two", []string{"gpu1 mm"}, Need{GPUs: 2}, "a job of 2 devices needs whole GPUs, because CUDA shows a process one slice at most, and those that fit are slices (gpu1's NVIDIA H200 MIG 1g.18gb); submit 2 jobs"},
		{"whole ones beside slices", []string{"gpu1 mma"}, Need{GPUs: 2}, "no host has 2 devices that fit; the most are 1, on gpu1"},
		{"no CPU slot", []string{"gpu1 a"}, Need{GPUs: 0}, "no host has a CPU slot"},
		{"CPU slots only", []string{"box cc"}, Need{GPUs: 1}, "no host has a GPU; CPU slots are asked for with gpus=0"},
		{"stand-ins", []string{"box ss"}, Need{GPUs: 1}, ""},
		{"too few stand-ins", []string{"box ss"}, Need{GPUs: 3}, "no host has 3 devices; the most are 2, on box"},
		{"stand-ins without memory", []string{"box ss"}, Need{GPUs: 1, MemGiB: 8}, "no host has a GPU; the CPU slots of box stand in for one, but have no memory"},
		{"no device at all", []string{"box "}, Need{GPUs: 1}, "no host has a device"},
		{"no such host", []string{"gpu1 a", "gpu2 a"}, Need{GPUs: 1, Host: "gpu9"}, `there is no host "gpu9"; hosts are gpu1, gpu2`},
		{"a machine whose card two agents list", []string{"gpu1@0 a", "gpu1@b a"}, Need{GPUs: 2}, "the most are 1, on gpu1@0"},
		{"the machine of several agents", []string{"gpu1@0 a"}, Need{GPUs: 1, Host: "gpu1"}, ""},
		{"no such label", []string{"gpu1 a"}, Need{GPUs: 1, Labels: map[string]string{"disk": "ssd"}}, "no host has the labels disk=ssd; gpu1 has none"},
		{"another Python", []string{"gpu1 a"}, Need{GPUs: 1, Python: "3.12"}, `gpu1 offers no Python "3.12"`},
		{"no GPU of the host that is named, but stand-ins", []string{"gpu1 a", "box s"}, Need{GPUs: 1, Host: "box"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := cannotRun(c.need, "", fleetOf(now, c.hosts...), now)
			if got != c.why && (c.why == "" || !strings.HasPrefix(got, c.why) && !strings.Contains(got, c.why)) {
				t.Errorf("got  %q\nwant %q", got, c.why)
			}
		})
	}
}

// TestExisting: sick, drained, used and silent count; not for ever.
func TestExisting(t *testing.T) {
	now := time.Unix(1e9, 0)
	hosts := fleetOf(now.Add(-6*24*time.Hour), "gpu1 aaa")
	for i, state := range []gpu.State{gpu.Sick, gpu.Drained, gpu.Foreign} {
		hosts[0].Devices[i].State = state
	}
	hosts[0].Drained = true
	if why := cannotRun(Need{GPUs: 3}, "", hosts, now); why != "" {
		t.Errorf("it can never run: %s", why)
	}
	hosts = append(hosts, fleetOf(now, "gpu2 t")...)
	if why := cannotRun(Need{GPUs: 3}, "", hosts, now.Add(48*time.Hour)); !strings.Contains(why, "the most are 1, on gpu2") {
		t.Errorf("after a week without it: %q", why)
	}
}

// TestCannotRunWhereDevicesAreUnknown: a host whose driver starts lacks no device
// for certain, but all else for certain, and no CPU slot stands back for it.
func TestCannotRunWhereDevicesAreUnknown(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		name string
		host string
		need Need
		can  bool
	}{
		{"nothing is known", "gpu1", Need{GPUs: 1, MemGiB: 80}, true},
		{"one is remembered", "gpu1 t", Need{GPUs: 2}, true},
		{"CPU slots are no matter of a driver", "gpu1", Need{GPUs: 0}, false},
		{"another host", "gpu1", Need{GPUs: 1, Host: "gpu2"}, false},
		{"another Python", "gpu1", Need{GPUs: 1, Python: "2.7"}, false},
	} {
		hosts := fleetOf(now, c.host, "box t")
		hosts[0].Unlisted, hosts[1].LeaseUntil = "the driver is not loaded", now.Add(time.Minute)
		if c.need.Host == "gpu2" {
			hosts = hosts[:1]
		}
		if why := cannotRun(c.need, "", hosts, now); (why == "") != c.can {
			t.Errorf("%s: %q", c.name, why)
		}
		if metByGPUs(Need{GPUs: 2}, "", hosts, now) {
			t.Errorf("%s: a slot stands back for a device that nobody has seen", c.name)
		}
		hosts[0].Unlisted = ""
		if why := cannotRun(c.need, "", hosts, now); why == "" {
			t.Errorf("%s: it can run although all is known", c.name)
		}
	}
}

// TestMayHave: who does not know its devices keeps a job from being refused for a
// while, not as long as the host counts for all else.
func TestMayHave(t *testing.T) {
	now := time.Unix(1e9, 0)
	devices := misfit{step: stepDevices}
	for _, c := range []struct {
		name     string
		unlisted string
		age      time.Duration
		need     Need
		lacks    misfit
		want     bool
	}{
		{"heard of", "no driver", 0, Need{GPUs: 1}, devices, true},
		{"it starts again", "no driver", 9 * time.Minute, Need{GPUs: 1}, devices, true},
		{"silent", "no driver", 10 * time.Minute, Need{GPUs: 1}, devices, false},
		{"silent for days", "no driver", 6 * 24 * time.Hour, Need{GPUs: 1}, devices, false},
		{"it knows them", "", 0, Need{GPUs: 1}, devices, false},
		{"CPU slots", "no driver", 0, Need{}, devices, false},
		{"it lacks a label", "no driver", 0, Need{GPUs: 1}, misfit{step: stepLabels}, false},
	} {
		h := Host{Inventory: Inventory{Unlisted: c.unlisted}, Renewed: now.Add(-c.age)}
		if got := h.mayHave(c.need, &c.lacks, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	gone := fleetOf(now.Add(-time.Hour), "gpu1")
	gone[0].Unlisted = "no driver"
	if why := cannotRun(Need{GPUs: 1}, "", append(gone, fleetOf(now, "box t")...), now); why != "" {
		t.Errorf("what fits elsewhere: %s", why)
	}
	if why := cannotRun(Need{GPUs: 2}, "", append(gone, fleetOf(now, "box t")...), now); !strings.Contains(why, "the most are 1, on box") {
		t.Errorf("a host that is gone: %q", why)
	}
}

// TestWhyDevicesAreUnknown: said of a host that is heard of and open.
func TestWhyDevicesAreUnknown(t *testing.T) {
	now := time.Unix(1e9, 0)
	for want, change := range map[string]func(*Host){
		"devices-unknown: may have devices for it, and do not know their devices yet: gpu1 (no driver)": func(*Host) {},
		"drained: closed by an admin: gpu1 (root)":                                                      func(h *Host) { h.Drained, h.DrainedBy = true, "root" },
		"host-silent: could run it, but have not been heard of: gpu1":                                   func(h *Host) { h.LeaseUntil = now },
		"unsatisfiable: no host can ever run it; the closest: no host has a device":                     func(h *Host) { h.Unlisted = "" },
	} {
		hosts := fleetOf(now, "gpu1")
		hosts[0].Unlisted, hosts[0].LeaseUntil = "no driver", now.Add(time.Minute)
		change(&hosts[0])
		sc := scene{now: now, need: Need{GPUs: 1}, all: hosts}
		var w Why
		sc.hosts(&w, &Job{}, Shown{})
		if len(w.Reasons) != 1 || w.Reasons[0].Code+": "+w.Reasons[0].Text != want {
			t.Errorf("want %q, got %+v", want, w.Reasons)
		}
	}
}

func TestMetByGPUs(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		name  string
		hosts []string
		age   time.Duration
		need  Need
		want  bool
	}{
		{"nobody", nil, 0, Need{GPUs: 1}, false},
		{"a GPU", []string{"gpu1 t"}, 0, Need{GPUs: 1}, true},
		{"a GPU that is away", []string{"gpu1 t"}, 6 * 24 * time.Hour, Need{GPUs: 1}, true},
		{"a GPU that was away too long", []string{"gpu1 t"}, 8 * 24 * time.Hour, Need{GPUs: 1}, false},
		{"too few GPUs", []string{"gpu1 t"}, 0, Need{GPUs: 2}, false},
		{"GPUs of another host", []string{"gpu1 t"}, 0, Need{GPUs: 1, Host: "box"}, false},
		{"GPUs without its label", []string{"gpu1 t"}, 0, Need{GPUs: 1, Labels: map[string]string{"a": "b"}}, false},
		{"stand-ins", []string{"box ss"}, 0, Need{GPUs: 1}, false},
		{"a mixed host's GPU, not its slots", []string{"gpu1 tsss"}, 0, Need{GPUs: 2}, false},
	} {
		if got := metByGPUs(c.need, "", fleetOf(now.Add(-c.age), c.hosts...), now); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	hosts := fleetOf(now, "gpu1 t")
	hosts[0].Accounts = []string{"ana"}
	if metByGPUs(Need{GPUs: 1}, "bob", hosts, now) || !metByGPUs(Need{GPUs: 1}, "ana", hosts, now) {
		t.Error("a GPU for ana only")
	}
}

func TestMemoryWords(t *testing.T) {
	for bytes, want := range map[int64]string{40e9: "40 GB", 24 << 30: "24 GiB", 81559 << 20: "80 GiB", 143771 << 20: "140 GiB", 3 << 29: "1.5 GiB", 9728 << 20: "9.5 GiB", 15360 << 20: "15 GiB"} {
		if got := memoryWords(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
	if !slices.Equal([]string{capability(80), capability(121)}, []string{"8.0", "12.1"}) {
		t.Error(capability(80), capability(121))
	}
}
