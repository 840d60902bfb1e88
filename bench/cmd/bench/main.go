// Command bench measures MLQ beside its peers and prints medians, ranges and
// ratios. It is started by bench/run from the repository's root.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/bench/internal/report"
	"github.com/mlq-dev/mlq/bench/internal/stand"
)

// experiment measures one or more figures.
type experiment struct {
	figures string // "T1 T2"
	what    string
	run     func(*bench, context.Context) error
}

var experiments = []experiment{
	{"T1 T2", "one call at a time: submit to start, submit to result", (*bench).latency},
	{"consumer", "T1 and T2 of a message to a kept function, beside the same source sent with each job", (*bench).consumer},
	{"T3", "enqueue over HTTP from 64 connections", (*bench).enqueue},
	{"T4", "mlq.map: 10,000 jobs in one request", (*bench).bulk},
	{"T5", "submit and claim, from 1,000 to 100,000 queued and 1 to 1,000 users", (*bench).growth},
	{"T6", "Redis memory per queued job with 200 bytes of payload", (*bench).memory},
	{"T7", "1,000 simulated hosts of 8 GPUs that renew, 10,000 jobs queued", (*bench).fleet},
	{"T8", "a device between two jobs", (*bench).turnover},
	{"T9", "an array of 1 GiB as argument and as result, beside a copy over loopback", (*bench).payload},
	{"T10", "cancel to the end of the process tree", (*bench).cancel},
	{"T11", "a host that is lost, an agent that is killed", (*bench).hostLoss},
	{"interrupt", "a notebook's stop button to an idle kernel, at each stage of a job", (*bench).interrupt},
	{"T13", "an idle agent and its probe on a host of 8 GPUs (NVML's stand-in)", (*bench).idle},
	{"load", "memory and answers of the server under crowds: connections, slow senders, readers of events", (*bench).crowds},
	{"N1 N2", "what a cell waits for: submit, import mlq", (*bench).notebook},
}

// bench is one run of the benchmarks.
type bench struct {
	out     string // folder of this run's files
	bin     string // folder of the programs
	py      *stand.Python
	reps    int
	deep    bool // T5 with a million jobs too
	samples *report.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	reps := flags.Int("reps", 5, "repetitions of each measurement")
	limit := flags.Duration("limit", 30*time.Minute, "end after this long")
	deep := flags.Bool("deep", false, "T5 with 1,000,000 queued jobs too")
	saved := flags.String("print", "", "print the tables of this samples file, and measure nothing")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *saved != "" {
		return printTables(ctx, *saved)
	}
	chosen, err := choose(flags.Args())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *limit, fmt.Errorf("not done after %v", *limit))
	defer cancel()
	return measure(ctx, &bench{reps: *reps, deep: *deep}, chosen)
}

// choose finds the experiments for the named figures; all of them for none.
func choose(names []string) ([]experiment, error) {
	if len(names) == 0 {
		return experiments, nil
	}
	var chosen []experiment
	for _, e := range experiments {
		if slices.ContainsFunc(strings.Fields(e.figures), func(f string) bool { return slices.Contains(names, f) }) {
			chosen = append(chosen, e)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(chosen, func(e experiment) bool { return slices.Contains(strings.Fields(e.figures), name) }) {
			return nil, fmt.Errorf("no figure %q, see -h", name)
		}
	}
	return chosen, nil
}

func measure(ctx context.Context, b *bench, chosen []experiment) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	b.bin = filepath.Join(root, "bench", "out", "bin")
	b.out = filepath.Join(root, "bench", "out", time.Now().UTC().Format("20060102T150405Z"))
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if b.py, err = stand.Environment(ctx, root); err != nil {
		return err
	}
	path := filepath.Join(b.out, "samples.jsonl")
	if b.samples, err = report.NewWriter(path); err != nil {
		return err
	}
	if err := errors.Join(b.all(ctx, chosen), b.samples.Close()); err != nil {
		return fmt.Errorf("%w (what was measured is in %s)", err, path)
	}
	fmt.Fprintf(os.Stderr, "samples: %s\n", path)
	return printTables(ctx, path)
}

func (b *bench) all(ctx context.Context, chosen []experiment) error {
	for _, e := range chosen {
		fmt.Fprintf(os.Stderr, "%s: %s\n", e.figures, e.what)
		if err := e.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", e.figures, err)
		}
	}
	return nil
}

// add writes a sample and says it.
func (b *bench) add(s report.Sample) error {
	fmt.Fprintf(os.Stderr, "  %-4s %-44s %-34s %10.2f %s\n", s.Figure, s.Metric, s.Subject, s.Value, s.Unit)
	return b.samples.Add(s)
}

// percentiles adds the 50th and 99th percentile of times.
func (b *bench) percentiles(s report.Sample, times []float64) error {
	metric := s.Metric
	s.N = len(times)
	for _, p := range []float64{50, 99} {
		s.Metric = fmt.Sprintf("%s, p%.0f", metric, p)
		s.Value = report.Percentile(times, p)
		if err := b.add(s); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) program(name string) string { return filepath.Join(b.bin, name) }

func printTables(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	samples, err := report.Read(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if err := machine(ctx, os.Stdout, samples); err != nil {
		return err
	}
	return report.Markdown(os.Stdout, report.Summarise(samples))
}

func usage(flags *flag.FlagSet) {
	var text strings.Builder
	text.WriteString("usage: bench/run [flags] [FIGURE…]\n\nFigures:\n")
	for _, e := range experiments {
		fmt.Fprintf(&text, "  %-6s %s\n", e.figures, e.what)
	}
	fmt.Fprint(os.Stderr, text.String(), "\nFlags:\n")
	flags.PrintDefaults()
}
