//go:build linux && cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/procinfo"
)

const (
	notTold = ^uint64(0) // as the memory of a process
	noSlice = ^uint32(0) // as the instance of a process or event
)

// processes lists who uses a device. A slice has a list of its own.
func (p *provider) processes(x *part, s *gpu.Sample) nvml.Return {
	p.mu.Lock()
	driver := p.version.driver
	p.mu.Unlock()
	if wrongLists(driver) {
		s.Unlisted = true
		return nvml.SUCCESS
	}
	computing, r := p.list(x.handle.GetComputeRunningProcesses, compute)
	if r != nvml.SUCCESS {
		return r
	}
	s.Unlisted = computing == nil
	clients, r := p.list(x.handle.GetMPSComputeRunningProcesses, mps)
	if r != nvml.SUCCESS {
		return r
	}
	var drawing []nvml.ProcessInfo // who draws decides nothing
	if l := asked(&p.library, &r, x.handle.GetGraphicsRunningProcesses, graphics...); l != nil {
		drawing = *l
	}
	s.Processes = merge(x, append(computing, clients...), drawing)
	return r
}

// fill is procinfo.Fill; another one in tests.
var fill = procinfo.Fill

// owners puts in whose the processes are. What a process is called stands in its
// own memory, so that its owner can make the reading wait; therefore nothing of
// the GPU is held meanwhile.
func owners(s gpu.Sample) gpu.Sample {
	for i := range s.Processes {
		fill(&s.Processes[i])
	}
	return s
}

// list is nil where the driver has no such list, and not nil where it is empty.
// Any other code is the answer of the whole look: nobody knows then who computes
// there, and a card must not look free for that.
func (p *provider) list(call func() ([]nvml.ProcessInfo, nvml.Return), names []string) ([]nvml.ProcessInfo, nvml.Return) {
	if !p.has(names...) {
		return nil, nvml.SUCCESS
	}
	l, r := call()
	switch {
	case untold(r):
		return nil, nvml.SUCCESS
	case r != nvml.SUCCESS:
		return nil, r
	}
	return append([]nvml.ProcessInfo{}, l...), r
}

// merge makes one list: a process that computes and draws computes, and one that
// is in a list twice has the larger memory.
func merge(x *part, computing, drawing []nvml.ProcessInfo) (all []gpu.Process) {
	at := map[uint32]int{}
	add := func(list []nvml.ProcessInfo, graphics bool) {
		for _, info := range list {
			if !x.concerns(info) {
				continue
			}
			i, known := at[info.Pid]
			if !known {
				i = len(all)
				at[info.Pid] = i
				all = append(all, gpu.Process{PID: int(info.Pid), UID: -1, Memory: -1, Graphics: graphics})
			}
			if info.UsedGpuMemory != notTold {
				all[i].Memory = max(all[i].Memory, int64(info.UsedGpuMemory))
			}
		}
	}
	add(computing, false)
	add(drawing, true)
	return all
}

// concerns: a driver may list a process of a neighbouring slice too. Where it did
// not tell which instance this one is, any may be meant.
func (x *part) concerns(info nvml.ProcessInfo) bool {
	meant := func(id uint32, own int) bool { return id == noSlice || own < 0 || int(id) == own }
	return !x.Slice() || meant(info.GpuInstanceId, x.GI) && meant(info.ComputeInstanceId, x.CI)
}
