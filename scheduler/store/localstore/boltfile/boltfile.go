// Package boltfile reads a file of bbolt without trusting a byte of it.
//
// bbolt checks the sums of its two meta pages and nothing else: it follows offsets and
// page numbers wherever they lead, so that a damaged page shows other data, hides some, or
// ends the process. Walk therefore looks at every page that the file's tree and its list
// of free pages use, before bbolt maps it: each is what it says it is, used once, within
// the file, its keys in order; and no page is forgotten. What the values say is the caller's to
// check. The format is that of version 2 (bbolt's internal/common): numbers in the byte
// order of the machine, pages of the size that the meta page names.
package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrDamaged: the file is not what bbolt wrote.
var ErrDamaged = errors.New("damaged")

// File is what the meta pages say, and whether both are whole.
type File struct {
	// Txid numbers the transaction that the file shows, the last one unless OneMeta.
	Txid uint64
	// OneMeta: one of the two meta pages is damaged. If it was the newer one, the file
	// shows what was before the last transaction.
	OneMeta bool

	r        io.ReaderAt
	pageSize uint64
	root     uint64
	freelist uint64
	pages    uint64 // how many there are, from 0
	used     []bool
}

// Entry is called with every key and value of the buckets in the root, in the order of
// bucket and key; the bytes are valid until it returns. Its error ends the walk.
type Entry func(bucket string, key, value []byte) error

// Walk reads a file of so many bytes. Errors: ErrDamaged with the page, those of r and each.
func Walk(r io.ReaderAt, size int64, each Entry) (*File, error) {
	f := &File{r: r}
	if err := f.readMetas(size); err != nil {
		return nil, err
	}
	if f.pages > uint64(size)/f.pageSize {
		return nil, damaged("it has %d of its %d bytes", size, f.pages*f.pageSize)
	}
	f.used = make([]bool, f.pages)
	if err := f.tree(f.root, span{}, 0, func(k []byte, flags uint32, v []byte) error { return f.bucket(k, flags, v, each) }); err != nil {
		return nil, err
	}
	return f, f.free()
}

// bucket reads one bucket in the root: a tree of pages, or a page within its own entry.
func (f *File) bucket(name []byte, flags uint32, header []byte, each Entry) error {
	if flags&bucketFlag == 0 || len(header) < 16 {
		return damaged("%q in the root is no bucket", name)
	}
	called := string(name)
	visit := func(k []byte, flags uint32, v []byte) error {
		if flags != 0 {
			return damaged("%q in the bucket %s is no value", k, called)
		}
		return each(called, k, v)
	}
	if root := binary.NativeEndian.Uint64(header); root != 0 {
		return f.tree(root, span{}, 0, visit)
	}
	return leaf(header[16:], span{}, visit)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
