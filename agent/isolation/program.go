package isolation

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Numbers of struct bpf_cgroup_dev_ctx (linux/bpf.h): the access and the type in
// one word, then major and minor.
const (
	accessMknod = 1
	accessRead  = 2
	accessWrite = 4
	accessAll   = accessMknod | accessRead | accessWrite

	typeBlock = 1
	typeChar  = 2
)

// limitDevices lets the processes of a group open these devices and no others.
// The kernel keeps the program for as long as there is the group, whatever
// becomes of us, and asks those of the groups above too.
func limitDevices(dir string, allowed []Node) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "mlq_devices", Type: ebpf.CGroupDevice, License: "MIT", Instructions: deviceProgram(allowed),
	})
	if err != nil {
		return fmt.Errorf("device program: %w", err)
	}
	defer program.Close()
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return link.RawAttachProgram(link.RawAttachProgramOptions{
		Target: int(folder.Fd()), Program: program, Attach: ebpf.AttachCGroupDevice, Flags: unix.BPF_F_ALLOW_MULTI,
	})
}

// deviceProgram answers 1 for what a node allows, and 0 for all else. Its
// registers: R2 type, R3 access, R4 major, R5 minor.
func deviceProgram(allowed []Node) asm.Instructions {
	program := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R4, asm.R1, 4, asm.Word),
		asm.LoadMem(asm.R5, asm.R1, 8, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.RSh.Imm(asm.R3, 16),
		asm.And.Imm(asm.R2, 0xffff),
	}
	for i, n := range allowed {
		next := "rule" + strconv.Itoa(i+1)
		rule := n.rule(next)
		rule[0] = rule[0].WithSymbol("rule" + strconv.Itoa(i))
		program = append(program, rule...)
	}
	return append(program,
		asm.Mov.Imm(asm.R0, 0).WithSymbol("rule"+strconv.Itoa(len(allowed))),
		asm.Return(),
	)
}

// rule ends the program with 1 where the node allows what is asked for, and
// goes to next where it does not.
func (n Node) rule(next string) asm.Instructions {
	kind := int32(typeChar)
	if n.Block {
		kind = typeBlock
	}
	rule := asm.Instructions{
		asm.JNE.Imm(asm.R2, kind, next),
		asm.JNE.Imm(asm.R4, int32(n.Major), next),
	}
	if n.Minor != AnyMinor {
		rule = append(rule, asm.JNE.Imm(asm.R5, int32(n.Minor), next))
	}
	return append(rule,
		asm.Mov.Reg(asm.R0, asm.R3),
		asm.And.Imm(asm.R0, accessAll&^n.bits()),
		asm.JNE.Imm(asm.R0, 0, next), // more is asked for than this node gives
		asm.Mov.Imm(asm.R0, 1),
		asm.Return(),
	)
}

func (n Node) bits() int32 {
	bits := int32(0)
	for letter, bit := range map[string]int32{"r": accessRead, "w": accessWrite, "m": accessMknod} {
		if strings.Contains(n.Access, letter) {
			bits |= bit
		}
	}
	return bits
}
