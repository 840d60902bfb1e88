package boltfile

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// A meta page: a page's header, then magic, version, page size and flags in 4 bytes
// each, the root's page and its sequence, the page of the list of free pages, the number of pages,
// the transaction, and the FNV-1a of all these, in 8 bytes each.
const (
	metaSize = pageHeader + 64
	magic    = 0xED0CDAED
	version  = 2

	smallestPage = 1 << 10
	largestPage  = 1 << 24
)

type meta struct{ pageSize, root, freelist, pages, txid uint64 }

// readMetas takes the newer of the two that are whole.
func (f *File) readMetas(size int64) error {
	first, one := f.readMeta(0)
	second, two := meta{}, false
	if one {
		second, two = f.readMeta(first.pageSize)
	}
	for at := uint64(smallestPage); !one && !two && at <= largestPage && at < uint64(size); at *= 2 {
		if second, two = f.readMeta(at); two && second.pageSize != at {
			two = false
		}
	}
	m := first
	if !one || two && second.txid > first.txid {
		m = second
	}
	if !one && !two {
		return damaged("neither of its two meta pages is whole")
	}
	f.Txid, f.OneMeta = m.txid, one != two
	f.pageSize, f.root, f.freelist, f.pages = m.pageSize, m.root, m.freelist, m.pages
	return nil
}

func (f *File) readMeta(at uint64) (m meta, whole bool) {
	var b [metaSize]byte
	if n, err := f.r.ReadAt(b[:], int64(at)); n < metaSize && err != nil {
		return m, false
	}
	sum, u32, u64 := fnv.New64a(), binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	body := b[pageHeader:]
	sum.Write(body[:56])
	m = meta{pageSize: uint64(u32(body[8:])), root: u64(body[16:]), freelist: u64(body[32:]), pages: u64(body[40:]), txid: u64(body[48:])}
	whole = u32(body) == magic && u32(body[4:]) == version && u64(body[56:]) == sum.Sum64()
	return m, whole && m.pageSize >= smallestPage && m.pageSize <= largestPage
}

// read gives a page with those behind it that belong to it, and marks them as used.
func (f *File) read(id uint64) ([]byte, error) {
	if id < 2 || id >= f.pages {
		return nil, damaged("it names page %d of %d", id, f.pages)
	}
	head := make([]byte, f.pageSize)
	if err := f.readAt(head, id); err != nil {
		return nil, err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if got := binary.NativeEndian.Uint64(head); got != id || more >= f.pages-id {
		return nil, damaged("page %d calls itself %d, with %d more", id, got, more)
	}
	if err := f.mark(id, more+1); err != nil || more == 0 {
		return head, err
	}
	page := make([]byte, (more+1)*f.pageSize)
	return page, f.readAt(page, id)
}

func (f *File) readAt(b []byte, id uint64) error {
	if n, err := f.r.ReadAt(b, int64(id*f.pageSize)); n < len(b) {
		if err == io.EOF { //nolint:errorlint // io.ReaderAt gives it as it is
			return damaged("page %d is cut off", id)
		}
		return fmt.Errorf("page %d cannot be read: %w", id, err)
	}
	return nil
}

// mark notes that n pages from id are in use, each of which only once.
func (f *File) mark(id, n uint64) error {
	for ; n > 0; id, n = id+1, n-1 {
		if id < 2 || id >= f.pages || f.used[id] {
			return damaged("page %d is used twice, or is none", id)
		}
		f.used[id] = true
	}
	return nil
}
