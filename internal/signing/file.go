package signing

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/internal/keyfile"
)

// publicWord begins the line of a key that is valid and signs nothing.
const publicWord = "public "

// File is a file of keys: one a line, first the one that signs, then older ones, which
// are valid. A line is a private key's 64 hexadecimal digits, or "public " and those of
// a public key. Lines that begin with # are comments.
type File struct{ Path string }

// ErrNoFile: the file is not there.
var ErrNoFile = errors.New("no file of signing keys")

// Read reads the keys. Errors: ErrNoFile; one that names the line. None repeats what
// stands in it.
func (f File) Read() (first Key, others []PublicKey, err error) {
	lines, order, err := keyfile.Lines(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return first, nil, fmt.Errorf("%w: %s", ErrNoFile, f.Path)
	}
	if err != nil {
		return first, nil, err
	}
	for i, n := range order {
		key, public, err := parseLine(lines[n])
		switch {
		case err != nil:
			return first, nil, fmt.Errorf("%s, line %d: %w", f.Path, n, err)
		case i == 0 && public:
			return first, nil, fmt.Errorf("%s, line %d: the first key must be a private one: it signs", f.Path, n)
		case i == 0:
			first = key
		default:
			others = append(others, key.PublicKey)
		}
	}
	if len(order) == 0 {
		return first, nil, fmt.Errorf("%s has no key", f.Path)
	}
	return first, others, nil
}

func parseLine(line string) (k Key, public bool, err error) {
	text, public := strings.CutPrefix(line, publicWord)
	raw, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != 32 { // err would repeat what may be a key
		return k, public, errors.New(`want 64 hexadecimal digits, or "public" and those of a public key`)
	}
	if public {
		k.PublicKey, err = newPublicKey(raw)
		return k, true, err
	}
	return NewKey([32]byte(raw)), false, nil
}

// Make writes a file with a new key, where there is none.
func (f File) Make() error { return keyfile.WriteNew(f.Path, newLine()) }

// Rotate puts a new key before the others; the one that signed until now stays valid
// by its public half only.
func (f File) Rotate() (Key, error) {
	first, others, err := f.Read()
	if err != nil {
		return first, err
	}
	others = append([]PublicKey{first.PublicKey}, others...)
	if err := f.write(newLine(others...), others); err != nil {
		return first, err
	}
	first, _, err = f.Read()
	return first, err
}

// Remove takes the key with this id out, which must not be the one that signs.
func (f File) Remove(id string) error {
	first, others, err := f.Read()
	if err != nil {
		return err
	}
	var left []PublicKey
	for _, k := range others {
		if k.ID() != id {
			left = append(left, k)
		}
	}
	switch {
	case id == first.ID():
		return fmt.Errorf("key %s signs: put another before it first (mlq signer rotate)", id)
	case len(left) == len(others):
		return fmt.Errorf("no key %s in %s", id, f.Path)
	}
	return f.write(hex.EncodeToString(first.private.Seed())+"\n", left)
}

func (f File) write(first string, others []PublicKey) error {
	var text strings.Builder
	text.WriteString(first)
	for _, k := range others {
		text.WriteString(publicWord + hex.EncodeToString(k.key) + "\n")
	}
	return keyfile.Replace(f.Path, text.String())
}

// newLine is the line of a new key, whose hint none of the others has: by its hint a
// signature is taken for one of the first key.
func newLine(others ...PublicKey) string {
	for {
		var seed [32]byte
		rand.Read(seed[:]) //nolint:errcheck // never fails
		hint := NewKey(seed).hint()
		if !slices.ContainsFunc(others, func(k PublicKey) bool { return bytes.Equal(k.hint(), hint) }) {
			return hex.EncodeToString(seed[:]) + "\n"
		}
	}
}
