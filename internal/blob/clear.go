package blob

import "fmt"

// Clear removes all blobs and logs, for good, and forgets whose they were: the
// next store that is served from this folder has it as its own. Nobody else may use it meanwhile.
func (f *Folder) Clear() error {
	for _, name := range []string{"blobs", "logs", "trash", "tmp", "store"} {
		if err := f.root.RemoveAll(name); err != nil {
			return fmt.Errorf("clear the blobs: %w", err)
		}
	}
	return f.prepare()
}
