package slot

import (
	"errors"
	"maps"
	"testing"
)

// A pid is only ours while its process is not reaped: after that the kernel may
// give it to a process of a job, which must not pass for one of ours.
func TestOwnedAreNotReaped(t *testing.T) {
	process := func(pid int, ended bool) *child {
		c := &child{pid: pid, done: make(chan struct{})}
		if ended {
			close(c.done)
		}
		return c
	}
	parent := func(pid int, dead error, children ...*child) *warmParent {
		p := &warmParent{interpreter: &interpreter{pid: pid}, children: map[int]*child{}, gone: make(chan struct{}), dead: dead}
		for _, c := range children {
			p.children[c.pid] = c
		}
		if dead != nil {
			close(p.gone)
		}
		return p
	}
	s := &stable{
		warm: []*stall{
			// Its own zombie, said to have ended: it is the parent's to reap.
			{parent: parent(10, nil, process(11, true), process(12, false)), ahead: &fork{child: process(12, false)}},
			// What a dead parent had not reaped has become the slot's, and is reaped.
			{parent: parent(20, errors.New("it ended"), process(21, true)), ahead: &fork{child: process(22, true)}},
		},
		spares: map[spareKey]*child{{"a", 1}: process(31, false), {"a", 2}: process(32, true)},
	}
	if got, want := s.owned(), map[int]bool{10: true, 11: true, 12: true, 31: true}; !maps.Equal(got, want) {
		t.Errorf("owned %v, want %v", got, want)
	}
}
