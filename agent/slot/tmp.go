package slot

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/mlq-dev/mlq/internal/removetree"
)

// clearTmp removes the temporary files of a job whose processes are dead. An
// empty folder stays until the job's own goes: removing one makes the device
// wait for longer than all else at a job's end (0.1 to 4 ms on ext4).
func clearTmp(jobDir string) error {
	if isEmptyFolder(jobDir, tmpName) {
		return nil
	}
	return removetree.All(filepath.Join(jobDir, tmpName))
}

func isEmptyFolder(jobDir, name string) bool {
	dir, _, err := openFolderOf(jobDir, name)
	if err != nil {
		return false
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return errors.Is(err, io.EOF)
}
