package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent/isolation"
	"github.com/mlq-dev/mlq/agent/pyenv"
	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// Options of an agent. Scheduler, API, Signers, Provider and DataDir must be
// given; for the rest the zero value is the default.
type Options struct {
	// Name of the host, unique in the namespace; the default is the machine's.
	Name string
	// DataDir is the agent's folder; one agent at a time has it.
	DataDir string
	// Provider finds the devices. The agent does not close it.
	Provider gpu.Provider
	// ProviderKind names the kind of provider ("nvml", "sim", "cpu"), so that what was
	// kept under one of another kind is not taken for devices of this one; "": any.
	ProviderKind string
	// Devices narrows them down to these, by index, UUID or PCI address; nil: all.
	Devices []string
	// Tolerate is how much memory processes of others may have on a device, together,
	// without making it foreign; bytes. An admin can say otherwise of one device.
	Tolerate int64
	// Pythons are the environments to offer, probed at the start, and again while they cannot run jobs; nil: guessed.
	Pythons []pyenv.Candidate

	Scheduler Scheduler
	API       API
	// Signers asks a server for the keys by which it signs jobs. No job runs that none of
	// them has signed; there is no way to have jobs unchecked.
	Signers func(context.Context) (signing.Set, error)
	// AttemptSecret makes the secret of a running job's token; nil: a random one.
	AttemptSecret func(job scheduler.JobID, claimID string) string
	// URL of the HTTP server, given to jobs as MLQ_URL.
	URL string
	// TLSFingerprint is the SHA-256 of its certificate, given to jobs as
	// MLQ_TLS_FINGERPRINT; "" where authorities vouch for it.
	TLSFingerprint string

	// RunAs is RunAsSelf, RunAsSubmitter or an account; "" is RunAsSelf.
	RunAs string
	// Limits of each process of a job.
	Limits slot.Limits
	// Isolation is the level at which jobs are held in control groups, and JobLimits
	// what each job may have of memory and processes. "" is isolation.None.
	Isolation isolation.Level
	JobLimits isolation.Limits
	// KeepWork is how long a job's folder stays after its end; 0: 7 days.
	KeepWork time.Duration
	Labels   map[string]string
	// Preload are the modules that warm Pythons import ahead.
	Preload []string
	// Drain: at the end of its context, Run waits for running jobs. Otherwise
	// they go on without an agent, and the next one adopts them.
	Drain bool

	// SlotCommand starts a slot; the default is this program with "slot".
	SlotCommand []string
	// LockDir is where device locks lie; the default is /run/lock/mlq, or
	// DataDir/locks where that cannot be written.
	LockDir string
	Version string // of the binary, for the inventory
	Log     zerolog.Logger
	// Clock is the wall clock; nil: time.Now.
	Clock func() time.Time
	// Joined is called each time that the agent has joined, with its epoch; nil: nobody is.
	Joined func(epoch uint64)
}

// DefaultKeepWork is how long the folder of an ended job stays.
const DefaultKeepWork = 7 * 24 * time.Hour

// nameRule: a host's name stands in keys, URLs and file names; after an @, which
// of its devices the agent has.
var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@[A-Za-z0-9._:-]{1,127})?$`)

// HostName checks the name of a host; "" is the machine's own.
func HostName(name string) (string, error) {
	if name == "" {
		own, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("name of this host: %w", err)
		}
		name = own
	}
	if !nameRule.MatchString(name) {
		return "", fmt.Errorf("host name %q: want letters, digits, dot, dash and underscore, at most 128", name)
	}
	return name, nil
}

// withDefaults fills in what was not given, and checks the rest.
func (o Options) withDefaults() (Options, error) {
	if o.Scheduler == nil || o.API == nil || o.Signers == nil || o.Provider == nil {
		return o, errors.New("agent: scheduler, API, signers and provider must be given")
	}
	if o.Tolerate < 0 {
		return o, errors.New("what processes of others may have on a device is below 0, or beyond what can be counted")
	}
	if o.DataDir == "" {
		return o, errors.New("agent: the data folder must be given")
	}
	var err error
	if o.Name, err = HostName(o.Name); err != nil {
		return o, err
	}
	if o.KeepWork == 0 {
		o.KeepWork = DefaultKeepWork
	}
	if o.SlotCommand == nil {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("path of this program: %w", err)
		}
		o.SlotCommand = []string{self, "slot"}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.AttemptSecret == nil {
		o.AttemptSecret = func(scheduler.JobID, string) string { return token.NewSecret() }
	}
	if o.Joined == nil {
		o.Joined = func(uint64) {}
	}
	return o, nil
}
