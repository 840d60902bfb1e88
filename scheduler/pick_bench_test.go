package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/scheduler"
)

// BenchmarkPick chooses from a full view, half of whose classes want several
// devices, on hosts of 8 and 16 devices whose links differ.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{8, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o, v := fullOffer(n), fullView()
			b.ReportAllocs()
			for b.Loop() {
				if scheduler.Pick(v, o, v.Now, 0).Kind != scheduler.ChoiceRun {
					b.Fatal("nothing to run")
				}
			}
		})
	}
}

// BenchmarkPickOfUsers chooses among 16 jobs of one user, and of as many.
func BenchmarkPickOfUsers(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o, v := fullOffer(1), scheduler.View{Now: time.Unix(1e9, 0)}
			for i := range 16 {
				v.Entries = append(v.Entries, scheduler.Entry{
					Job: scheduler.JobID(i + 1), User: fmt.Sprintf("user%d", i%n), Devices: 1, Rank: uint64(i), Since: v.Now, Class: "gpus=1",
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				if scheduler.Pick(v, o, v.Now, 0).Kind != scheduler.ChoiceRun {
					b.Fatal("nothing to run")
				}
			}
		})
	}
}

// fullOffer has n free devices, joined in pairs, the pairs of four more closely than others.
func fullOffer(n int) scheduler.Offer {
	o := scheduler.Offer{Host: "a", Environments: []scheduler.Environment{{Name: "default", Version: "3.11.7"}}}
	for i := range n {
		d := gpu.Device{UUID: fmt.Sprintf("GPU-%02d", i), Index: i, Kind: gpu.KindGPU, Model: "NVIDIA A100", Memory: 80 << 30, ComputeCapability: 80}
		o.Devices = append(o.Devices, scheduler.OfferedDevice{Device: d, Free: true})
		for j := range i {
			l := gpu.Link{A: fmt.Sprintf("GPU-%02d", j), B: d.UUID, Level: gpu.LevelNode}
			if j/2 == i/2 {
				l.NVLinks = 4
			} else if j/4 != i/4 {
				continue
			}
			o.Links = append(o.Links, l)
		}
	}
	return o
}

func fullView() scheduler.View {
	v := scheduler.View{Now: time.Unix(1e9, 0), Held: map[string]int64{}}
	for i := range 512 {
		gpus := 1 + i%2*(1+i/2%8)
		v.Entries = append(v.Entries, scheduler.Entry{
			Job: scheduler.JobID(i + 1), User: fmt.Sprintf("user%d", i%10), Devices: gpus, Rank: uint64(i), Since: v.Now,
			Class: fmt.Sprintf("gpus=%d mem=%d", gpus, 1+i%32),
		})
	}
	return v
}
