package gpu

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Seed reads the random id of the agent whose data folder dir is, and makes it
// on the first start. The UUIDs of CPU slots and simulated devices are derived
// from it. The caller holds the folder's lock.
func Seed(dir string) (string, error) {
	path := filepath.Join(dir, "device-seed")
	b, err := os.ReadFile(path)
	if err == nil {
		return checkSeed(path, strings.TrimSpace(string(b)))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read device seed: %w", err)
	}
	return makeSeed(path)
}

func checkSeed(path, seed string) (string, error) {
	if b, err := hex.DecodeString(seed); err != nil || len(b) != 16 {
		return "", fmt.Errorf("device seed %s is damaged: remove it, and the devices get new ids", path)
	}
	return seed, nil
}

// makeSeed writes beside and renames, so that a crash leaves no half file.
func makeSeed(path string) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	seed := hex.EncodeToString(b[:])
	beside := path + ".new"
	if err := os.WriteFile(beside, []byte(seed+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write device seed: %w", err)
	}
	if err := os.Rename(beside, path); err != nil {
		return "", fmt.Errorf("write device seed: %w", err)
	}
	return seed, nil
}
