package scheduler

import (
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

func TestFits(t *testing.T) {
	t4 := gpu.Device{Kind: gpu.KindGPU, Model: "Tesla T4", Memory: 15360 << 20, ComputeCapability: 75}
	a10 := gpu.Device{Kind: gpu.KindGPU, Model: "NVIDIA A10", Memory: 23028 << 20, ComputeCapability: 86}
	h100 := gpu.Device{Kind: gpu.KindGPU, Model: "NVIDIA H100 80GB HBM3", Memory: 81559 << 20, ComputeCapability: 90}
	h200 := gpu.Device{Kind: gpu.KindGPU, Model: "NVIDIA H200", Memory: 143771 << 20, ComputeCapability: 90}
	spark := gpu.Device{Kind: gpu.KindGPU, Model: "NVIDIA GB10", Memory: 119 << 30, ComputeCapability: 121}
	slice := gpu.Device{Kind: gpu.KindMIG, Model: "NVIDIA H100 80GB HBM3 MIG 1g.10gb", Memory: 9728 << 20, ComputeCapability: 90, Parent: "GPU-1"}
	simSlice := gpu.Device{Kind: gpu.KindSim, Model: "slice (simulated)", Memory: 10 << 30, Parent: "SIM-1"}
	simulated := gpu.Device{Kind: gpu.KindSim, Model: "NVIDIA A100-SXM4-80GB (simulated)", Memory: 80 << 30, ComputeCapability: 80}
	slot := gpu.Device{Kind: gpu.KindCPU, Model: "CPU slot"}
	standIn := gpu.Device{Kind: gpu.KindCPU, Model: "CPU slot", StandIn: true}
	for _, c := range []struct {
		name string
		need Need
		d    gpu.Device
		real bool // elsewhere
		want bool
	}{
		{"any GPU", Need{GPUs: 1}, t4, false, true},
		{"a simulated one is a GPU", Need{GPUs: 1}, simulated, true, true},
		{"what is sold as 24 GB", Need{GPUs: 1, MemGiB: 24}, a10, false, true},
		{"80 GB", Need{GPUs: 1, MemGiB: 80}, h100, false, true},
		{"too little memory", Need{GPUs: 1, MemGiB: 24}, t4, false, false},
		{"141 GB", Need{GPUs: 1, MemGiB: 141}, h200, false, true},
		{"100 GiB of a card that has 119", Need{GPUs: 1, MemGiB: cardSize(100 << 30)}, spark, false, true},
		{"capability", Need{GPUs: 1, MinCC: 80}, a10, false, true},
		{"capability above 9.9", Need{GPUs: 1, MinCC: 120}, spark, false, true},
		{"too little capability", Need{GPUs: 1, MinCC: 80}, t4, false, false},
		{"a model without case", Need{GPUs: 1, Type: "h100"}, h100, false, true},
		{"a part of its name", Need{GPUs: 1, Type: "hbm"}, h100, false, true},
		{"parts in order", Need{GPUs: 1, Type: "h100*hbm3"}, h100, false, true},
		{"parts in another order", Need{GPUs: 1, Type: "hbm3*h100"}, h100, false, false},
		{"a star alone", Need{GPUs: 1, Type: "*"}, h100, false, true},
		{"another model", Need{GPUs: 1, Type: "h200"}, h100, false, false},
		{"a slice for one", Need{GPUs: 1}, slice, false, true},
		{"no slice for two", Need{GPUs: 2}, slice, false, false},
		{"no simulated slice for two", Need{GPUs: 2}, simSlice, false, false},
		{"no GPU for none", Need{GPUs: 0}, t4, false, false},
		{"a CPU slot for none", Need{GPUs: 0}, slot, true, true},
		{"a stand-in for none", Need{GPUs: 0}, standIn, true, true},
		{"no CPU slot for one", Need{GPUs: 1}, slot, false, false},
		{"a stand-in for one", Need{GPUs: 1}, standIn, false, true},
		{"no stand-in beside a real one", Need{GPUs: 1}, standIn, true, false},
		{"a stand-in has no memory", Need{GPUs: 1, MemGiB: 1}, standIn, false, false},
		{"a stand-in is no model", Need{GPUs: 1, Type: "cpu"}, standIn, false, false},
		{"a stand-in has no capability", Need{GPUs: 1, MinCC: 50}, standIn, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fits(c.need, &c.d, c.real); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
