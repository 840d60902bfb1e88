package nemesis

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keepMost is how many bytes Keep copies at most: a store of blobs holds 256 MiB.
const keepMost = 128 << 20

// Keep copies what is on the file systems that Disks has made to folders beside them, which
// outlive these: NAME.kept. Only plain files are, and none that filled a disk up.
func Keep(dir string) (err error) {
	left := int64(keepMost)
	for _, path := range []string{fullHost(dir), blobsOf(dir)} {
		err = errors.Join(err, copyPlain(path, path+".kept", &left))
	}
	return err
}

// copyPlain copies plain files, for as long as there is room for them.
func copyPlain(from, to string, left *int64) error {
	disk := os.DirFS(from)
	return fs.WalkDir(disk, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == fillerName {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if *left -= info.Size(); *left < 0 {
			return fmt.Errorf("%s is not kept, from %s on: more than %d bytes", from, path, keepMost)
		}
		text, err := fs.ReadFile(disk, path)
		if err != nil {
			return err
		}
		there := filepath.Join(to, path)
		return errors.Join(os.MkdirAll(filepath.Dir(there), 0o755), os.WriteFile(there, text, 0o600))
	})
}
