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

	"github.com/mlq-dev/mlq/internal/sealed"
)

// Seed reads the random id of the agent whose data folder dir is, and makes it
// on the first start. The UUIDs of CPU slots and simulated devices are derived
// from it; all agents of the host share it.
func Seed(dir string) (string, error) {
	path := filepath.Join(dir, "device-seed")
	b, err := os.ReadFile(path)
	if err == nil {
		return checkSeed(path, b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read device seed: %w", err)
	}
	return makeSeed(path)
}

// checkSeed takes the text of the file.
func checkSeed(path string, text []byte) (string, error) {
	text, _, err := sealed.Unseal(text)
	seed := strings.TrimSpace(string(text))
	if b, no := hex.DecodeString(seed); err != nil || no != nil || len(b) != 16 {
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
	if err := os.WriteFile(beside, sealed.Seal([]byte(hex.EncodeToString(b[:])+"\n")), 0o600); err != nil {
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
	return checkSeed(path, text)
}
