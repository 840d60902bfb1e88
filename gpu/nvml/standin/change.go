package standin

import (
	"fmt"
	"strconv"
	"strings"
)

// Process is one that uses a GPU.
type Process struct {
	PID    int
	MiB    int    // memory; −1: the driver does not tell
	Kind   string // "compute" (also for ""), "graphics" or "mps"
	Sliced bool   // it uses the slice GI, CI of a GPU that is cut
	GI, CI int
}

// AddProcess has a process use a GPU; its memory comes on top of what is used.
func (s *State) AddProcess(gpu int, p Process) {
	s.t.Helper()
	s.Change(func(lines map[string]string) {
		key := p.key(gpu)
		lines[key] = strings.TrimPrefix(lines[key]+","+p.text(), ",")
	})
}

func (p Process) key(gpu int) string {
	if p.Kind == "" {
		return fmt.Sprintf("%d.compute", gpu)
	}
	return fmt.Sprintf("%d.%s", gpu, p.Kind)
}

func (p Process) text() string {
	mib := strconv.Itoa(p.MiB)
	if p.MiB < 0 {
		mib = "?"
	}
	if !p.Sliced {
		return fmt.Sprintf("%d:%s", p.PID, mib)
	}
	return fmt.Sprintf("%d:%s:%d:%d", p.PID, mib, p.GI, p.CI)
}

// RemoveProcess has it leave, with its memory.
func (s *State) RemoveProcess(gpu, pid int) {
	s.t.Helper()
	s.Change(func(lines map[string]string) {
		for _, kind := range []string{"compute", "graphics", "mps"} {
			key := fmt.Sprintf("%d.%s", gpu, kind)
			var stay []string
			for item := range strings.SplitSeq(lines[key], ",") {
				if item != "" && !strings.HasPrefix(item, fmt.Sprintf("%d:", pid)) {
					stay = append(stay, item)
				}
			}
			lines[key] = strings.Join(stay, ",")
		}
	})
}

// Lose has a GPU fall off the bus: every call about it answers "GPU is lost".
func (s *State) Lose(gpu int) {
	s.t.Helper()
	s.Set(fmt.Sprintf("%d.lost", gpu), "1")
}

// Regain has it answer again.
func (s *State) Regain(gpu int) {
	s.t.Helper()
	s.Unset(fmt.Sprintf("%d.lost", gpu))
}

// Xid sends an error of a whole GPU to all who wait for one.
func (s *State) Xid(gpu, xid int) {
	s.t.Helper()
	s.event(fmt.Sprintf("%d:%d", gpu, xid))
}

// SliceXid sends an error of a slice.
func (s *State) SliceXid(gpu, xid, gi, ci int) {
	s.t.Helper()
	s.event(fmt.Sprintf("%d:%d:%d:%d", gpu, xid, gi, ci))
}

func (s *State) event(text string) {
	s.t.Helper()
	s.Change(func(lines map[string]string) {
		s.events++
		lines[fmt.Sprintf("event.%d", s.events)] = text
	})
}

// Slice is a part of a GPU in MIG mode.
type Slice struct {
	Index  int // with gaps where others were removed
	UUID   string
	GI, CI int
	MiB    int // of memory
}

// Cut puts a GPU into MIG mode, with these slices and no others. Handles of
// those that went are void.
func (s *State) Cut(gpu int, slices ...Slice) {
	s.t.Helper()
	s.Change(func(lines map[string]string) {
		prefix := fmt.Sprintf("%d.mig.", gpu)
		for key := range lines {
			if strings.HasPrefix(key, prefix) {
				delete(lines, key)
			}
		}
		lines[fmt.Sprintf("%d.mig", gpu)] = "1"
		for _, c := range slices {
			at := fmt.Sprintf("%s%d.", prefix, c.Index)
			lines[at+"uuid"] = c.UUID
			lines[at+"name"] = fmt.Sprintf("NVIDIA H100 80GB HBM3 MIG %dgb", c.MiB/1000)
			lines[at+"gi"] = strconv.Itoa(c.GI)
			lines[at+"ci"] = strconv.Itoa(c.CI)
			lines[at+"mem.total"] = strconv.Itoa(c.MiB)
		}
	})
}

// Whole takes a GPU out of MIG mode.
func (s *State) Whole(gpu int) {
	s.t.Helper()
	s.Cut(gpu)
	s.Set(fmt.Sprintf("%d.mig", gpu), "0")
}
