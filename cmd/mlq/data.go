package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/lockfile"
)

// dataFlag defines --data with its default: the system's folder for root,
// else the user's.
func dataFlag(cmd *cobra.Command) *string {
	data := cmd.Flags().String("data", defaultData(), "folder for everything that is kept on this host: /var/lib/mlq for root, else $XDG_DATA_HOME/mlq or ~/.local/share/mlq")
	variable(cmd.Flags(), "data", "MLQ_DATA")
	return data
}

func defaultData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/mlq"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mlq")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "mlq")
}

// dataFolder is the data folder while this process has it.
type dataFolder struct {
	path string
	lock *lockfile.Lock
	note string
}

// takeData makes the data folder and takes it for one role of this host. A
// server and an agent may share a folder, two servers may not.
func takeData(path, role string) (*dataFolder, error) {
	if path == "" {
		return nil, misconfigured("no data folder: this user has no home").with("name one with --data DIR")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return nil, failed("data folder: %w", err).with("name another with --data DIR")
	}
	d := &dataFolder{path: abs, note: filepath.Join(abs, role+".pid")}
	d.lock, err = lockfile.AcquireOwn(filepath.Join(abs, role+".lock"))
	if errors.Is(err, lockfile.ErrLocked) {
		return nil, failed("the data folder %s is in use by %s", abs, d.owner()).with("stop it, or name another folder with --data DIR")
	}
	if err != nil {
		return nil, failed("data folder: %w", err).with("name another with --data DIR")
	}
	return d, d.sign()
}

// sign notes who has the folder, for the next one who asks; for this user only,
// because a command line may hold a password.
func (d *dataFolder) sign() error {
	err := os.WriteFile(d.note, []byte(whoAmI()), 0o600)
	if err = errors.Join(err, os.Chmod(d.note, 0o600)); err != nil {
		return errors.Join(fmt.Errorf("data folder: %w", err), d.lock.Close())
	}
	return nil
}

func (d *dataFolder) owner() string {
	text, err := os.ReadFile(d.note)
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

func (d *dataFolder) join(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// close gives the folder back.
func (d *dataFolder) close() error { return d.lock.Close() }

// whoAmI is this process in the words of a refusal.
func whoAmI() string {
	return fmt.Sprintf("process %d (%s)\n", os.Getpid(), strings.Join(append([]string{"mlq"}, os.Args[1:]...), " "))
}
