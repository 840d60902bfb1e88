package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mlq-dev/mlq/deploy"
)

// installService puts the units into a folder of systemd and starts one, and
// says each step as it is done.
func installService(ctx context.Context, io streams, folder, unit string) error {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	units, err := deploy.Units(binary)
	if err != nil {
		return failed("%w", err).with("install mlq elsewhere, as in %s", deploy.Binary)
	}
	for _, u := range units {
		if err := os.WriteFile(filepath.Join(folder, u.Name), u.Text, 0o644); err != nil {
			return failed("install the units: %w", err).with("is this a machine with systemd? Without it: mlq agent --env-file %s/agent.env", deploy.EnvFolder)
		}
	}
	fmt.Fprintf(io.out, "installed the units in %s\n", folder)
	for _, step := range [][]string{{"daemon-reload"}, {"enable", "--now", unit}} {
		if err := systemctl(ctx, step...); err != nil {
			return err
		}
		fmt.Fprintf(io.out, "systemctl %s: done\n", strings.Join(step, " "))
	}
	return nil
}

func systemctl(ctx context.Context, args ...string) error {
	said, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return failed("systemctl %s: %w: %s", strings.Join(args, " "), err, said).
			with("what was written stays; once that works, the same by hand is enough")
	}
	return nil
}
