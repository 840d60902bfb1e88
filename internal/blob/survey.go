package blob

import (
	"context"
	"encoding/hex"
	"io/fs"
)

// Key is the first half of a blob's name, which tells it apart from any other.
type Key [16]byte

// KeyOf is the key of a blob's name; false: it is none.
func KeyOf(sum string) (k Key, ok bool) {
	if !isDigest(sum) {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(sum[:2*len(k)]))
	return k, err == nil
}

// Survey is what lies in a folder, in bytes. No file is read.
type Survey struct {
	Blobs map[Key]int64
	Logs  map[int64]int64 // by job
	// Trash and Uploads are what was discarded, and what is coming in.
	Trash, Uploads int64
}

// Survey looks at every file; looked is called after each.
func (f *Folder) Survey(ctx context.Context, looked func()) (s Survey, err error) {
	s = Survey{Blobs: make(map[Key]int64), Logs: make(map[int64]int64)}
	dirs, err := f.dirs()
	if err != nil {
		return s, err
	}
	look := func(dir string, add func(name string, size int64)) {
		if err == nil {
			err = f.each(ctx, dir, func(name string, info fs.FileInfo) error {
				add(name, info.Size())
				looked()
				return nil
			})
		}
	}
	for _, dir := range dirs {
		look(dir, func(name string, size int64) {
			if k, ok := KeyOf(name); ok {
				s.Blobs[k] = size
			}
		})
	}
	look("logs", func(name string, size int64) {
		if job, ok := jobOfLog(name); ok {
			s.Logs[job] += size
		}
	})
	look("trash", func(_ string, size int64) { s.Trash += size })
	look("tmp", func(_ string, size int64) { s.Uploads += size })
	return s, err
}
