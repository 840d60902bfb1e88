package scheduler

import (
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// ErrDamaged: what the store has of a job cannot be read, as after a bad sector under Redis' file, of
// whose values Redis has no sums. It is an ErrNotFound as well: for all others the job is gone. Nobody
// waits for it, it holds no device, and the lease that it had is none. Its record stays as it is.
var ErrDamaged error = missing("damaged in the store")

// missing is an ErrNotFound of a kind.
type missing string

// Error gives the kind.
func (m missing) Error() string { return string(m) }

// Is says so.
func (m missing) Is(target error) bool { return target == ErrNotFound }

// DamagedError is an ErrDamaged.
type DamagedError struct {
	Job     JobID
	Version uint64 // of its record; 0: another record
	What    string // is damaged, in words
	Record  []byte // as it is
	Why     error
}

// Error names the job, and what is the matter.
func (e *DamagedError) Error() string {
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
		if d.fresh(key, f.record(key).Version) {
			log.Error().Str("key", key).Msg("a record cannot be read: look at the disk and the memory of the store. A host's heartbeat, name and inventory are written again, and what is closed on it stays closed until an admin opens it")
		}
	}
}
