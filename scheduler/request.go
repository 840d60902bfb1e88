package scheduler

import "time"

// Request is what a job asks for: the request fields of a submit that belong
// to MLQ. The zero value of each field means "not given"; Submit fills in the defaults.
type Request struct {
	// What it needs; these make up the job's class.
	GPUs    *int              // how many devices; nil: 1; 0: a CPU slot
	GPUMem  int64             // bytes per device
	GPUType string            // name pattern, matched without case: "H100", "A100*80GB"
	MinCC   int               // major*10+minor, 80 for "8.0"
	Host    string            // host name
	Labels  map[string]string // of the host, all must match
	Python  string            // environment name, version ("3.11") or absolute path
	WorkDir string            // absolute path on the host

	EnvVars map[string]string
	// Secrets are the user's secrets that the job gets: variable to name of the secret.
	Secrets  map[string]string
	Name     string
	Priority int
	Timeout  time.Duration
	// Hold: nothing is run; somebody works on the devices by hand, for Timeout.
	Hold         bool
	QueueTimeout time.Duration
	Retries      int
	Grace        *time.Duration // nil: 10 s
	RunAt        time.Time
	After        []JobID
	OnPartition  string        // "", "kill" or "keep"
	ResultTTL    time.Duration // 0: for ever
	// Key is the user's own idempotency key: the same key finds the same job.
	Key string
}

// Submission is one checked request to run something: the exact bytes that
// were checked, and what was read out of them.
type Submission struct {
	// Media is the type of Body: MediaEnvelope or MediaJSON.
	Media string
	// Body is kept in the spec byte for byte.
	Body    []byte
	Request Request
	// Function is the name to show: "train", "nvidia-smi".
	Function string
	// PythonVersion is "3.11" where the call needs that minor (it carries a pickle), else "".
	PythonVersion string
	// Message: registered functions are run on a message. Functions names which, in
	// that order; nil: all that its user has registered, in order of arrival.
	Message   bool
	Functions []string
	// Callback is the URL to tell when the job has ended, "" if none.
	Callback string
}

// Media types of a submission's body.
const (
	MediaEnvelope = "application/vnd.mlq.v1"
	MediaJSON     = "application/json"
)

// Spec is the immutable part of a job as kept in the store.
type Spec struct {
	User      string
	Unix      string // the user's account on hosts, "" if none
	Media     string
	Body      []byte
	Signature []byte // of the server that took it (signed.go)
}
