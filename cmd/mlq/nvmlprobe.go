package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml"
	"github.com/mlq-dev/mlq/gpu/probe"
)

// letGo is how long the driver has to be let go of at the end.
const letGo = time.Second

// newNVMLProbe is the process that asks NVIDIA's driver for the agent; people do
// not start it.
func newNVMLProbe(streams) *cobra.Command {
	return &cobra.Command{
		Use:    "nvml-probe",
		Short:  "Ask NVIDIA's driver (started by the agent)",
		Long:   "The child of an agent that asks NVIDIA's driver: questions and answers are lines of JSON on standard input and output. It ends with its input.",
		Hidden: true,
		Args:   none(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			answers, err := ownOutput()
			if err != nil {
				return failed("%w", err)
			}
			nameProcess("mlq-nvml-probe")
			return serveNVML(cmd.Context(), os.Stdin, answers)
		},
	}
}

// serveNVML answers until its input ends. What hangs in the driver is left to
// the end of the process.
func serveNVML(ctx context.Context, in, answers *os.File) error {
	p, err := nvml.Open()
	if err != nil {
		return probe.Refuse(answers, err)
	}
	err = probe.Serve(ctx, p, in, answers)
	letGoOf(p)
	if err != nil {
		return failed("%w", err)
	}
	return nil
}

func letGoOf(p gpu.Provider) {
	done := make(chan struct{})
	go func() {
		_ = p.Close() // the process ends, and lets go of all that it has
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(letGo):
	}
}

// ownOutput takes standard output for the answers alone: what the driver's
// library prints goes where errors go.
func ownOutput() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(unix.Stdout), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "answers"), unix.Dup3(unix.Stderr, unix.Stdout, 0)
}

// nameProcess is for ps, which would call it "exe" after the file that the agent starts.
func nameProcess(name string) {
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0) // it is only a name
}
