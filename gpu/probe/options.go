package probe

import (
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Options of a probe. Command must be given; for the rest the zero value is
// the default.
type Options struct {
	// Command starts the child, which calls Serve on its standard input and output.
	Command []string
	// Program is the file to start, where that is another than Command names.
	Program string
	// Library is the name of the driver's library, as the child loads it. When the
	// file is another one than the child has loaded, a new child is started; "": none.
	Library string
	Log     zerolog.Logger
	// Times are the deadlines and pauses; each zero is that of DefaultTimes.
	Times Times

	// Others in tests.
	kill func(*os.Process) error
	proc string
}

func (o Options) withDefaults() Options {
	o.Times = o.Times.withDefaults()
	if o.Program == "" && len(o.Command) > 0 {
		o.Program = o.Command[0]
	}
	if o.kill == nil {
		o.kill = (*os.Process).Kill
	}
	if o.proc == "" {
		o.proc = "/proc"
	}
	return o
}

// Times are the deadlines and pauses of a probe.
type Times struct {
	Sample time.Duration // for a sample
	Ask    time.Duration // for a list of devices or links
	Open   time.Duration // from the start of the child until the driver is open
	Hang   time.Duration // without any answer to what was asked, until the child is ended
	Look   time.Duration // between two looks at the child and the library's file
	Reopen time.Duration // between two children while the driver refuses

	PauseLeast time.Duration // before the next child, the first time
	PauseMost  time.Duration // and the most, after doublings
	Steady     time.Duration // of being open, after which the pause is the least again

	Quiet time.Duration // for a child to end when it is asked to
	Kill  time.Duration // for a child to be gone when it was killed
}

// DefaultTimes are what package agent and its documentation count on. The
// opening is long because a driver without persistence mode takes 1.5 s for each
// GPU, and was seen to take 32 s for four.
func DefaultTimes() Times {
	return Times{
		Sample: 3 * time.Second, Ask: 30 * time.Second, Open: time.Minute, Hang: 15 * time.Second,
		Look: 5 * time.Second, Reopen: 30 * time.Second,
		PauseLeast: time.Second, PauseMost: 30 * time.Second, Steady: time.Minute,
		Quiet: 2 * time.Second, Kill: 5 * time.Second,
	}
}

func (t Times) withDefaults() Times {
	d := DefaultTimes()
	for _, pair := range []struct{ given, standard *time.Duration }{
		{&t.Sample, &d.Sample},
		{&t.Ask, &d.Ask},
		{&t.Open, &d.Open},
		{&t.Hang, &d.Hang},
		{&t.Look, &d.Look},
		{&t.Reopen, &d.Reopen},
		{&t.PauseLeast, &d.PauseLeast},
		{&t.PauseMost, &d.PauseMost},
		{&t.Steady, &d.Steady},
		{&t.Quiet, &d.Quiet},
		{&t.Kill, &d.Kill},
	} {
		if *pair.given == 0 {
			*pair.given = *pair.standard
		}
	}
	return t
}

// environ is all that the child gets of our environment. Where the library lies
// is said to the loader by the system; who has set it for us, has set it for
// the child.
func environ() []string {
	env := []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
