package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/internal/removetree"
	"github.com/mlq-dev/mlq/internal/sealed"
	"github.com/mlq-dev/mlq/scheduler"
)

// workdirs are the folders DATA/jobs/<id>, one per job and the same for all
// its attempts here. Beside each lies <id>.json, which the job cannot reach:
// whose it is and since when, so that a folder is never given to another job
// of the same number (of another store).
type workdirs struct {
	root string
	log  zerolog.Logger
}

// tag is the content of <id>.json.
type tag struct {
	User      string    `json:"user"`
	Submitted time.Time `json:"submitted"` // with the id, this names the job
}

func (w *workdirs) path(id scheduler.JobID) string {
	return filepath.Join(w.root, strconv.FormatInt(int64(id), 10))
}

func (w *workdirs) tagPath(id scheduler.JobID) string { return w.path(id) + ".json" }

// make gives the job its folder, owned by the account it runs as. What lies in it
// is the job's: out/ and tmp/ are made by the job's own process, as that account,
// for a process of root must not touch names that somebody else may exchange.
func (w *workdirs) make(job scheduler.Job, as *slot.Account) (string, error) {
	dir := w.path(job.ID)
	old, err := w.readTag(job.ID)
	damaged := err != nil && !errors.Is(err, fs.ErrNotExist)
	if damaged {
		w.log.Error().Err(err).Msg("whose folder this is cannot be read: it is emptied before the job gets it")
	}
	if damaged || err == nil && !old.Submitted.Equal(job.Submitted) {
		if err := removetree.All(dir); err != nil {
			return "", fmt.Errorf("clear the folder of an older job %d: %w", job.ID, err)
		}
	}
	if err := w.writeTag(job.ID, tag{User: job.User, Submitted: job.Submitted}); err != nil {
		return "", err
	}
	if err := ownDir(dir, as); err != nil {
		return "", fmt.Errorf("make the job's folder: %w", err)
	}
	return dir, nil
}

// ownDir makes the job's folder, or finds it: it may be of an agent that ended
// before it had given it away. Its place is the agent's own, so that nobody else
// can have put something there.
func ownDir(path string, as *slot.Account) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if as == nil {
		return nil
	}
	return os.Lchown(path, int(as.UID), int(as.GID))
}

func (w *workdirs) readTag(id scheduler.JobID) (t tag, err error) {
	b, err := os.ReadFile(w.tagPath(id))
	if err != nil {
		return t, err
	}
	if b, _, err = sealed.Unseal(b); err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil {
		return tag{}, fmt.Errorf("%s is %w: %w", w.tagPath(id), errDamaged, err)
	}
	return t, nil
}

func (w *workdirs) writeTag(id scheduler.JobID, t tag) error {
	b, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("tag of job %d: %w", id, err)
	}
	beside := w.tagPath(id) + ".new"
	if err = os.WriteFile(beside, sealed.Seal(append(b, '\n')), 0o600); err == nil {
		err = os.Rename(beside, w.tagPath(id))
	}
	if err != nil {
		_ = os.Remove(beside) // nobody would look for it; it may not even be there
		return fmt.Errorf("note whose folder that of job %d is: %w", id, err)
	}
	return nil
}

// remove deletes the folder, then its tag: after a crash in between the
// janitor finds the tag again.
func (w *workdirs) remove(id scheduler.JobID) error {
	if err := removetree.All(w.path(id)); err != nil {
		return err
	}
	return os.Remove(w.tagPath(id))
}
