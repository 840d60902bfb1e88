package stand

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Python is the interpreter of bench/.venv, which has the peers.
type Python struct {
	Path string
	root string // of the repository
}

// Environment makes bench/.venv, and fills it again when the list of peers has changed.
func Environment(ctx context.Context, root string) (*Python, error) {
	venv := filepath.Join(root, "bench", ".venv")
	list := filepath.Join(root, "bench", "drivers", "requirements.txt")
	want, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(want)
	p := &Python{Path: filepath.Join(venv, "bin", "python"), root: root}
	stamp := filepath.Join(venv, "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == hex.EncodeToString(sum[:]) {
		return p, nil
	}
	if err := install(ctx, venv, list); err != nil {
		return nil, err
	}
	return p, os.WriteFile(stamp, []byte(hex.EncodeToString(sum[:])), 0o644) //nolint:gosec // below the root that we were started in
}

func install(ctx context.Context, venv, list string) error {
	for _, argv := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("install the peers: %w: %s", err, out)
		}
	}
	return nil
}

// Env is the environment in which the drivers run: they find MLQ's client in
// the tree, and each other.
func (p *Python) Env() []string {
	return []string{
		"PYTHONPATH=" + filepath.Join(p.root, "client", "python", "src") + ":" + p.drivers(),
		"PYTHONDONTWRITEBYTECODE=1",
	}
}

func (p *Python) drivers() string { return filepath.Join(p.root, "bench", "drivers") }

// Driver is the command line of a driver.
func (p *Python) Driver(name string, args ...string) []string {
	return append([]string{p.Path, filepath.Join(p.drivers(), name)}, args...)
}

// Run runs a driver to its end and decodes the JSON object that it prints.
func (p *Python) Run(ctx context.Context, into any, env, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = slices.Concat(os.Environ(), p.Env(), env)
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(argv[1]), err, words.String())
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(argv[1]), err)
	}
	return nil
}
