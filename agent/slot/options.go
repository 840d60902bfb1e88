package slot

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Options of a slot process. Args and Bind carry them over the command line.
type Options struct {
	Device string // UUID, for messages and State
	Dir    string // the slot's own folder: socket, lock, journal (attempt.jsonl), slot.log
	Spool  string // where results and logs lie until Done
	Runner string // the folder that agent/runner.Install made
	// Preload are the modules that a warm parent imports ahead.
	Preload []string
	// Python is the interpreter that is kept warm from the start, "" if none:
	// the first job does not wait for it.
	Python string

	TermBefore time.Duration // SIGTERM this long before the deadline
	KillBefore time.Duration // SIGKILL this long before the deadline
	WatchEvery time.Duration // how often the deadline is compared with the clock
	IdleExit   time.Duration // ends itself when without agent and attempt for so long

	MaxResult int64 // bytes of a result envelope
	MaxLog    int64 // bytes of a log file; half of it is kept for the tail

	// ReadyFD is a descriptor that is written to and closed when the slot listens; 0: none.
	ReadyFD int
	// Log and Version, that of the binary, are not carried over the command line.
	Log     zerolog.Logger
	Version string
}

// DefaultOptions are the protocol's numbers at scale 1.
func DefaultOptions() Options {
	return Options{
		TermBefore: 20 * time.Second, KillBefore: 10 * time.Second, WatchEvery: time.Second,
		IdleExit: 10 * time.Minute, MaxResult: 8 << 30, MaxLog: 16 << 20,
		Log: zerolog.Nop(),
	}
}

// Bind makes the flags of `mlq slot` set o; what o has are the defaults.
func (o *Options) Bind(fs *flag.FlagSet) {
	fs.StringVar(&o.Device, "device", o.Device, "UUID of the device")
	fs.StringVar(&o.Dir, "dir", o.Dir, "the slot's own folder")
	fs.StringVar(&o.Spool, "spool", o.Spool, "folder for results and logs")
	fs.StringVar(&o.Runner, "runner", o.Runner, "folder of the runner's Python files")
	fs.Func("preload", "modules that the warm Python imports, with commas", o.setPreload)
	fs.StringVar(&o.Python, "python", o.Python, "interpreter to keep warm from the start")
	fs.DurationVar(&o.TermBefore, "term-before", o.TermBefore, "SIGTERM so long before the lease's deadline")
	fs.DurationVar(&o.KillBefore, "kill-before", o.KillBefore, "SIGKILL so long before the lease's deadline")
	fs.DurationVar(&o.WatchEvery, "watch-every", o.WatchEvery, "how often the deadline is looked at")
	fs.DurationVar(&o.IdleExit, "idle-exit", o.IdleExit, "end when idle and without an agent for so long")
	fs.Int64Var(&o.MaxResult, "max-result", o.MaxResult, "bytes of a result")
	fs.Int64Var(&o.MaxLog, "max-log", o.MaxLog, "bytes of a job's log")
	fs.IntVar(&o.ReadyFD, "ready-fd", o.ReadyFD, "descriptor to write to when ready")
}

func (o *Options) setPreload(list string) error {
	o.Preload = nil
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.Preload = append(o.Preload, name)
		}
	}
	return nil
}

// Args is o as arguments for Bind.
func (o *Options) Args() []string {
	return []string{
		"--device=" + o.Device, "--dir=" + o.Dir, "--spool=" + o.Spool, "--runner=" + o.Runner,
		"--preload=" + strings.Join(o.Preload, ","), "--python=" + o.Python,
		"--term-before=" + o.TermBefore.String(), "--kill-before=" + o.KillBefore.String(),
		"--watch-every=" + o.WatchEvery.String(), "--idle-exit=" + o.IdleExit.String(),
		"--max-result=" + strconv.FormatInt(o.MaxResult, 10),
		"--max-log=" + strconv.FormatInt(o.MaxLog, 10),
		"--ready-fd=" + strconv.Itoa(o.ReadyFD),
	}
}

// check says what is wrong with o.
func (o *Options) check() error {
	for name, path := range map[string]string{"dir": o.Dir, "spool": o.Spool, "runner": o.Runner} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("--%s must be an absolute path, not %q", name, path)
		}
	}
	switch {
	case o.Device == "":
		return errors.New("--device is missing")
	case o.KillBefore <= 0 || o.TermBefore < o.KillBefore:
		return errors.New("--term-before must not be less than --kill-before, and both more than 0")
	case o.WatchEvery <= 0:
		return errors.New("--watch-every must be more than 0")
	case o.MaxResult <= 0 || o.MaxLog < minLog:
		return fmt.Errorf("--max-result must be more than 0 and --max-log at least %d", minLog)
	}
	return nil
}

// minLog leaves room for the lines that say what was left out.
const minLog = 4 << 10
