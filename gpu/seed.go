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
// from it; all agents of the host share it.
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

// makeSeed writes beside and links, so that a crash leaves no half file, and of
// several agents that make it at once all take the first one's.
func makeSeed(path string) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	beside := fmt.Sprintf("%s.new-%x", path, b[:4])
	if err := os.WriteFile(beside, []byte(hex.EncodeToString(b[:])+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write device seed: %w", err)
	}
	err := os.Link(beside, path)
	if removeErr := os.Remove(beside); err == nil {
		err = removeErr
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("write device seed: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read device seed: %w", err)
	}
	return checkSeed(path, strings.TrimSpace(string(text)))
}
