package boltfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A page's header: its number in 8 bytes, its kind and its count in 2 each, how many more
// pages belong to it in 4. Then count elements, then the keys and values that they point to, as
// bytes from the element's own place.
const (
	pageHeader  = 16
	elementSize = 16 // of both kinds

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01

	deepest = 64 // levels; 2 keys a page at least would fill any disk before
	noList  = ^uint64(0)
)

// span is where the keys of a page have to lie: from low, or behind it if it was seen,
// to before high; nil: open.
type span struct {
	low, high []byte
	seen      bool
}

// visitor gets the entries of a tree.
type visitor func(key []byte, flags uint32, value []byte) error

// tree reads a page and all below it.
func (f *File) tree(id uint64, s span, depth int, visit visitor) error {
	page, err := f.read(id)
	if err != nil {
		return err
	}
	if depth > deepest {
		return damaged("page %d is %d levels deep", id, depth)
	}
	if binary.NativeEndian.Uint16(page[8:]) == branchPage {
		return f.branch(page, s, depth, visit)
	}
	if err := leaf(page, s, visit); err != nil {
		return inPage(id, err)
	}
	return nil
}

// branch reads the pages that a branch page names.
func (f *File) branch(page []byte, s span, depth int, visit visitor) error {
	id, count := binary.NativeEndian.Uint64(page), int(binary.NativeEndian.Uint16(page[10:]))
	if count == 0 || pageHeader+count*elementSize > len(page) {
		return damaged("page %d has %d branches", id, count)
	}
	keys, below := make([][]byte, count), make([]uint64, count)
	for i := range count {
		at := pageHeader + i*elementSize
		pos, size := binary.NativeEndian.Uint32(page[at:]), binary.NativeEndian.Uint32(page[at+4:])
		key, ok := part(page, at, count, uint64(pos), uint64(size))
		if !ok || !s.takes(key) {
			return damaged("page %d: branch %d is out of its place", id, i)
		}
		keys[i], below[i] = key, binary.NativeEndian.Uint64(page[at+8:])
		s.low, s.seen = key, true
	}
	for i := range count {
		child := span{low: keys[i], high: s.high}
		if i+1 < count {
			child.high = keys[i+1]
		}
		if err := f.tree(below[i], child, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// leaf reads the entries of a leaf page.
func leaf(page []byte, s span, visit visitor) error {
	if len(page) < pageHeader {
		return damaged("a page of %d bytes", len(page))
	}
	kind, count := binary.NativeEndian.Uint16(page[8:]), int(binary.NativeEndian.Uint16(page[10:]))
	if kind != leafPage || pageHeader+count*elementSize > len(page) {
		return damaged("a page of kind %d with %d entries", kind, count)
	}
	for i := range count {
		at := pageHeader + i*elementSize
		u32 := func(n int) uint64 { return uint64(binary.NativeEndian.Uint32(page[at+n:])) }
		key, ok := part(page, at, count, u32(4), u32(8))
		value, all := part(page, at, count, u32(4)+u32(8), u32(12))
		if !ok || !all || !s.takes(key) {
			return damaged("entry %d is out of its place", i)
		}
		if err := visit(key, uint32(u32(0)), value); err != nil {
			return err
		}
		s.low, s.seen = key, true
	}
	return nil
}

// part is what an element at a place points to, behind all elements.
func part(page []byte, at, count int, pos, size uint64) ([]byte, bool) {
	from := uint64(at) + pos
	if from < uint64(pageHeader+count*elementSize) || from+size > uint64(len(page)) {
		return nil, false
	}
	return page[from : from+size], true
}

func (s span) takes(key []byte) bool {
	order := bytes.Compare(key, s.low)
	return (order > 0 || order == 0 && !s.seen) && (s.high == nil || bytes.Compare(key, s.high) < 0)
}

// free reads the list of free pages: together with the tree it has every page once.
func (f *File) free() error {
	if f.freelist == noList {
		return nil // bbolt looks for them itself
	}
	page, err := f.read(f.freelist)
	if err != nil {
		return err
	}
	ids, err := freeIDs(page)
	if err != nil {
		return inPage(f.freelist, err)
	}
	for ; len(ids) > 0; ids = ids[8:] {
		if err := f.mark(binary.NativeEndian.Uint64(ids), 1); err != nil {
			return inPage(f.freelist, err)
		}
	}
	for id := uint64(2); id < f.pages; id++ {
		if !f.used[id] {
			return damaged("page %d is neither used nor free", id)
		}
	}
	return nil
}

// freeIDs are the numbers in the list. A count that has no room in the header is the first of them.
func freeIDs(page []byte) ([]byte, error) {
	kind, count, ids := binary.NativeEndian.Uint16(page[8:]), uint64(binary.NativeEndian.Uint16(page[10:])), page[pageHeader:]
	if count == 0xFFFF {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if kind != freelistPage || count > uint64(len(ids)/8) {
		return nil, damaged("a list of kind %d with %d free pages", kind, count)
	}
	return ids[:count*8], nil
}

func inPage(id uint64, err error) error { return fmt.Errorf("page %d: %w", id, err) }
