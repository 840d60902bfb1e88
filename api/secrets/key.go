package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/mlq-dev/mlq/internal/keyfile"
)

const keyBytes = 32 // AES-256

// key seals and opens.
type key struct {
	id   string // tells keys apart, and nothing of the key
	gcm  cipher.AEAD
	text string // as in the file
}

const idBytes = 6

func newKey(raw []byte) (*key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	// It draws a nonce of 96 bits for each seal; secrets are set by hand, far fewer than 2^32 times.
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("id of a key of MLQ's secrets\n"), raw...))
	return &key{id: hex.EncodeToString(sum[:idBytes]), gcm: gcm, text: hex.EncodeToString(raw)}, nil
}

// binding is what a seal is good for.
func binding(user, name string) []byte { return []byte("mlq secret\x00" + user + "\x00" + name) }

func (k *key) seal(user, name, value string) []byte {
	return k.gcm.Seal(nil, nil, []byte(value), binding(user, name)) //nolint:gosec // the nonce is drawn within
}

// keyFile is the file of the keys: one a line, 64 hexadecimal digits, first the one
// that seals, then older ones that only open. Lines that begin with # are comments.
type keyFile struct {
	path string

	mu   sync.Mutex
	keys []*key // nil: not read yet, or there is none
}

// all reads the file where that was not done yet.
func (f *keyFile) all() ([]*key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys != nil {
		return f.keys, nil
	}
	var err error
	f.keys, err = readKeys(f.path)
	return f.keys, err
}

func readKeys(path string) (keys []*key, err error) {
	lines, order, err := keyfile.Lines(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	for _, n := range order {
		raw, err := hex.DecodeString(lines[n])
		if err != nil || len(raw) != keyBytes { // err would repeat what may be a key
			return nil, fmt.Errorf("%w: %s, line %d: want 64 hexadecimal digits", ErrKey, path, n)
		}
		k, err := newKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		keys = append(keys, k)
	}
	if keys == nil {
		return nil, fmt.Errorf("%w: %s has none", ErrKey, path)
	}
	return keys, nil
}

// sealing is the key with this id, which the store names; "" is the first secret of
// all, whose key is the file's first or made now.
func (f *keyFile) sealing(id string) (*key, error) {
	keys, err := f.all()
	if err != nil {
		return nil, err
	}
	if id != "" {
		return f.find(keys, id)
	}
	if len(keys) > 0 {
		return keys[0], nil
	}
	return f.make()
}

func (f *keyFile) find(keys []*key, id string) (*key, error) {
	for _, k := range keys {
		if k.id == id {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: secrets are sealed with the key %s, which is not in this server's %s; give it the file of the server that set them",
		ErrKey, id, filepath.Base(f.path))
}

// make writes the first key. It is on disk before anything is sealed with it.
func (f *keyFile) make() (*key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys != nil {
		return f.keys[0], nil // another caller was faster
	}
	raw := make([]byte, keyBytes)
	rand.Read(raw) //nolint:errcheck // never fails
	k, err := newKey(raw)
	if err == nil {
		err = keyfile.WriteNew(f.path, k.text+"\n")
	}
	switch {
	case takesNothing(err): // the key is not to blame, and the same again may succeed
		return nil, fmt.Errorf("make the key of the secrets: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	f.keys = []*key{k}
	return k, nil
}

// takesNothing: a disk without room, or mounted read-only.
func takesNothing(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// open opens a record as that secret of that user.
func (f *keyFile) open(user, name string, r *record) (string, error) {
	if r.damaged {
		return "", &DamagedError{name}
	}
	keys, err := f.all()
	if err != nil {
		return "", err
	}
	k, err := f.find(keys, r.Key)
	if err != nil {
		return "", err
	}
	value, err := k.gcm.Open(nil, nil, r.Box, binding(user, name))
	if err != nil {
		return "", fmt.Errorf("%w (%w)", &DamagedError{name}, err)
	}
	return string(value), nil
}
