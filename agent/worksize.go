package agent

import (
	"io/fs"
	"path/filepath"

	"github.com/mlq-dev/mlq/scheduler"
)

// maxCounted bounds how long the count of a folder's files takes: the job's
// end waits for it.
const maxCounted = 10_000 // entries

// size is how many bytes the files in the job's folder hold, links not
// followed; of a folder with very many, what the first of them hold.
func (w *workdirs) size(id scheduler.JobID) (bytes int64) {
	counted := 0
	// What cannot be read is the job's doing, and counts as nothing.
	_ = filepath.WalkDir(w.path(id), func(_ string, entry fs.DirEntry, err error) error {
		if counted++; counted > maxCounted {
			return fs.SkipAll
		}
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // go on with the next one
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
