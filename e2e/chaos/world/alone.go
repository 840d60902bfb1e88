package world

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// over notes how a life of the process ended that nobody ended.
func (p *Process) over(cmd *exec.Cmd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked {
		return
	}
	if p.alone == nil {
		p.alone = map[string]int{}
	}
	how := cmd.ProcessState.String()
	if !p.isUp {
		how += " before it was ready"
	}
	p.alone[how]++
}

// up notes that its present life is ready.
func (p *Process) up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isUp = true
}

// ask says that somebody ends the process without Kill: it does not end by itself.
func (p *Process) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = true
}

// Alone has a line for each process that has ended without being told to: how, and how
// often. An agent or a server may: one whose token was revoked, whose name another has, or
// whose store was away when it started.
func (w *World) Alone() (lines []string) {
	for _, p := range w.processes {
		p.mu.Lock()
		var ends []string
		for _, how := range slices.Sorted(maps.Keys(p.alone)) {
			ends = append(ends, fmt.Sprintf("%d times with %s", p.alone[how], how))
		}
		p.mu.Unlock()
		if len(ends) > 0 {
			lines = append(lines, p.Name+" ended by itself "+strings.Join(ends, ", "))
		}
	}
	return lines
}
