package blob

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// knownAtOnce is how many jobs SweepLogs asks for in one question.
const knownAtOnce = 512

// SweepLogs removes the logs that were last written before t, and whose jobs
// are not known any more. A job that is gone does not come back, so that
// nothing can be about to write one.
func (f *Folder) SweepLogs(ctx context.Context, t time.Time, known func(jobs []int64) (map[int64]bool, error)) (s Swept, err error) {
	old := make(map[string]fs.FileInfo)
	err = f.each(ctx, "logs", func(name string, info fs.FileInfo) error {
		if !info.ModTime().Before(t) {
			return nil
		}
		old[name] = info
		if len(old) < knownAtOnce {
			return nil
		}
		defer clear(old)
		return s.removeLogs(f, old, known)
	})
	if err == nil {
		err = s.removeLogs(f, old, known)
	}
	return s, err
}

func (s *Swept) removeLogs(f *Folder, old map[string]fs.FileInfo, known func([]int64) (map[int64]bool, error)) error {
	jobs := make([]int64, 0, len(old))
	for name := range old {
		if job, ok := jobOfLog(name); ok {
			jobs = append(jobs, job)
		}
	}
	alive, err := known(jobs)
	if err != nil {
		return err
	}
	for name, info := range old {
		job, ok := jobOfLog(name)
		switch {
		case !ok:
		case alive[job]:
			err = f.touchLog(name)
		default:
			err = s.remove(f, "logs/"+name, info, &s.Logs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// touchLog lets a while pass before the log's job is asked for again.
func (f *Folder) touchLog(name string) error {
	now := time.Now()
	err := f.root.Chtimes("logs/"+name, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func jobOfLog(name string) (int64, bool) {
	id, _, ok := strings.Cut(name, ".")
	job, err := strconv.ParseInt(id, 10, 64)
	return job, ok && err == nil
}
