package scheduler

import (
	"fmt"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// ErrDamaged: what the store has of a job, or of a user's functions, cannot be read, as after a bad
// sector under Redis' file, of whose values Redis has no sums. It is an ErrNotFound as well: for all
// others the job is gone. Nobody waits for it, it holds no device, and the lease that it had is none.
// Its record stays as it is.
var ErrDamaged error = missing("damaged in the store")

// missing is an ErrNotFound of a kind.
type missing string

// Error gives the kind.
func (m missing) Error() string { return string(m) }

// Is says so.
func (m missing) Is(target error) bool { return target == ErrNotFound }

// DamagedError is an ErrDamaged.
type DamagedError struct {
	Job     JobID  // 0: of none
	Version uint64 // of its record; 0: another record
	What    string // is damaged, in words
	Record  []byte // as it is
	Why     error
}

// Error names the job, and what is the matter.
func (e *DamagedError) Error() string {
	if e.Job == 0 {
		return fmt.Sprintf("%v: %s cannot be read: %v", ErrDamaged, e.What, e.Why)
	}
	return fmt.Sprintf("%v: job %d: %s cannot be read: %v", ErrDamaged, e.Job, e.What, e.Why)
}

// Unwrap makes it an ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// damage remembers which damaged records the log was told of: each look finds them again.
type damage struct {
	mu   sync.Mutex
	said map[string]uint64 // by key, the version
}

// mostSaid bounds what is remembered. Where more are damaged, the log repeats itself.
const mostSaid = 4096

// fresh reports whether this record was not told of yet.
func (d *damage) fresh(key string, version uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if said, is := d.said[key]; is && said == version {
		return false
	}
	if d.said == nil || len(d.said) >= mostSaid {
		d.said = make(map[string]uint64)
	}
	d.said[key] = version
	return true
}

// tellJobs tells of jobs that are left out.
func (d *damage) tellJobs(log *zerolog.Logger, found []*DamagedError) {
	for _, e := range found {
		if d.fresh(keyJob(e.Job), e.Version) {
			log.Error().Err(e).Int64("job", int64(e.Job)).Msg("a job is left out: look at the disk and the memory of the store, and bring its record back from a backup")
		}
	}
}

// tellRecords tells of what was found to be damaged and counts as something else.
func (d *damage) tellRecords(log *zerolog.Logger, f *facts) {
	for _, key := range f.damaged {
		d.tell(log, key, f.record(key).Version)
	}
}

func (d *damage) tell(log *zerolog.Logger, key string, version uint64) {
	if d.fresh(key, version) {
		log.Error().Str("key", key).Msg("a record cannot be read: look at the disk and the memory of the store. " + untilMended(key))
	}
}

// untilMended says what a damaged record counts as, and until when.
func untilMended(key string) string {
	switch {
	case strings.HasPrefix(key, keyDrain("")):
		return "The host is closed until an admin opens it (mlq drain HOST --undo)"
	case strings.HasPrefix(key, keyLimits("")):
		return "The user may hold any number of devices until an admin sets the limit again (mlq user set NAME --max-devices N)"
	case key == keyUsageDone:
		return "What was used in the last two hours may be counted twice"
	case strings.HasPrefix(key, keyUsageDone+":"):
		return "What was used on that day is not known any more"
	case strings.HasPrefix(key, keyFunctions("")):
		return "Messages wait until the user registers the functions again"
	case strings.HasPrefix(key, keyOrders("")):
		return "The next order for the host's devices writes it again"
	}
	return "The host or process that it is about writes it again by itself"
}

// tellEntry tells of an entry of a log that is left out.
func (d *damage) tellEntry(log *zerolog.Logger, key string, e store.Entry) {
	if d.fresh(fmt.Sprintf("%s %d", key, e.ID.Seq), e.ID.Revision) {
		log.Error().Str("key", key).Uint64("revision", e.ID.Revision).Msg("an entry of a log cannot be read, and is left out: look at the disk and the memory of the store")
	}
}
