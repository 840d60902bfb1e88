package slot

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestDescendsFrom(t *testing.T) {
	self, err := FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", "cat; exit 0") // sh stays: cat is its child
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	shell, err := FindProcess(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	first, err := FindProcess(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, is := range map[string]bool{
		"a child": shell.DescendsFrom(self),
		"itself":  self.DescendsFrom(self),
	} {
		if !is {
			t.Errorf("%s does not descend", name)
		}
	}
	for name, is := range map[string]bool{
		"a parent":                       self.DescendsFrom(shell),
		"the first process":              first.DescendsFrom(self),
		"no slot":                        shell.DescendsFrom(Process{}),
		"a pid that is used again":       Process{shell.PID, shell.Start + 1}.DescendsFrom(self),
		"a slot whose pid is used again": shell.DescendsFrom(Process{self.PID, self.Start - 1}),
		"a pid of unknown start":         Process{PID: shell.PID}.DescendsFrom(self),
		"a process that there is not":    Process{PID: 1 << 22, Start: 1}.DescendsFrom(self),
	} {
		if is {
			t.Errorf("%s descends", name)
		}
	}
	if err := errors.Join(in.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	if shell.DescendsFrom(self) {
		t.Error("what has ended descends")
	}
}
