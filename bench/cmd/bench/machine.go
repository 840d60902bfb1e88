package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/mlq-dev/mlq/bench/internal/report"
)

// machine writes one line: when the samples were taken, and on what.
func machine(ctx context.Context, w io.Writer, samples []report.Sample) error {
	when := "no samples"
	if len(samples) > 0 {
		when = samples[0].At.Format("2006-01-02 15:04") + " – " + samples[len(samples)-1].At.Format("15:04 UTC")
	}
	_, err := fmt.Fprintf(w, "%s; %d cores used (%s), %s, %s, %s, %s.\n\n", when, runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		field("/etc/os-release", "PRETTY_NAME"), said(ctx, "redis-server", "--version"), runtime.Version(), said(ctx, "bench/.venv/bin/python", "--version"))
	return err
}

// field is the value of the first line of a file that starts with a name.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Trim(rest, "\t\n :=\"")
		}
	}
	return "unknown"
}

// said is the first line that a program prints.
func said(ctx context.Context, argv ...string) string {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return argv[0] + " unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
