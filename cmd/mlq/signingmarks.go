package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/mlq-dev/mlq/internal/keyfile"
	"github.com/mlq-dev/mlq/internal/signing"
)

// marks are files beside the keys, which say what the next start is to do, once. Nothing
// in the store can make them.
type marks struct {
	// adopt: sign all that the store has, whoever wrote it. The mark is made with the first
	// key, where no user and no token is signed, for what is older than signatures; and by
	// mlq signer adopt and mlq restore, which is ordered.
	adopt, ordered bool
	// refuse: what only keys that are not in the file have signed is refused, also where
	// the store says that its servers sign with one of these: mlq signer refuse.
	refuse bool

	found []string // the files
}

func adoptMark(f signing.File) string  { return f.Path + ".adopt" }
func refuseMark(f signing.File) string { return f.Path + ".refuse" }

// What stands in them.
const (
	byFirstKey = "this key is the first, unless the store says that another one is\n"
	byOrder    = "the next start of mlq serve signs all that its store has\n"
	byRefusal  = "the next start of mlq serve refuses what none of its keys has signed\n"
)

// readMarks reads which marks there are. Of two the one that refuses counts.
func readMarks(f signing.File) (m marks, err error) {
	for _, path := range []string{adoptMark(f), refuseMark(f)} {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return m, err
		case path == refuseMark(f):
			m.adopt, m.ordered, m.refuse = false, false, true
		default:
			m.adopt, m.ordered = true, string(text) == byOrder
		}
		m.found = append(m.found, path)
	}
	return m, nil
}

// orderAdoption makes the mark for an admin. Of two orders the later one holds.
func orderAdoption(f signing.File) error {
	return order(f, adoptMark(f), byOrder, refuseMark(f))
}

func orderRefusal(f signing.File) error {
	return order(f, refuseMark(f), byRefusal, adoptMark(f))
}

func order(f signing.File, mark, text, other string) error {
	if err := keyfile.ReplaceAs(f.Path, mark, text); err != nil { // for who reads the keys
		return err
	}
	return ignoreMissing(os.Remove(other))
}

// clear takes the marks away that there were: on a read-only file system even the removal
// of what is not there fails.
func (m marks) clear() error {
	for _, path := range m.found {
		if err := ignoreMissing(os.Remove(path)); err != nil {
			return failed("signing keys: %w", err).with("remove it by hand: what it orders is done")
		}
	}
	return nil
}
