package agent

import (
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
)

// mine are the processes of a device's last lease as they were seen while they
// lived, by pid. A driver lists a process for a while after its death, when nobody
// can say any more whose it was.
type mine map[int]gpu.Process

// attribute marks what of a look is the lease's: what is known to be, and what is
// dead and was. It gives what is to be remembered, and changes neither argument.
func (m mine) attribute(processes []gpu.Process) ([]gpu.Process, mine) {
	marked, known := make([]gpu.Process, len(processes)), make(mine, len(processes))
	for i, p := range processes {
		if was, ok := m[p.PID]; ok && !p.Ours && p.Started == 0 {
			p.Ours = true
			p.UID, p.User, p.Name, p.Since = was.UID, was.User, was.Name, was.Since
			known[p.PID] = was
		} else if p.Ours {
			known[p.PID] = p
		}
		marked[i] = p
	}
	for pid, was := range m {
		if _, listed := known[pid]; !listed && !reused(was, processes) {
			known[pid] = was
		}
	}
	return marked, known
}

// reused: somebody else has the pid by now, so that the one who had it is long dead.
func reused(was gpu.Process, processes []gpu.Process) bool {
	for _, p := range processes {
		now := slot.Process{PID: p.PID, Start: p.Started}
		if p.Started != 0 && p.PID == was.PID && now != (slot.Process{PID: was.PID, Start: was.Started}) {
			return true
		}
	}
	return false
}
