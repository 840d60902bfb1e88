package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// commandPatience is how long COMMAND has to end after it was told to.
const commandPatience = 10 * time.Second

// runBeside runs a command with MLQ_URL set and passes its exit code on.
func runBeside(ctx context.Context, io streams, url string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = io.in, io.out, io.err
	cmd.Env = append(os.Environ(), "MLQ_URL="+url)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = commandPatience
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return &exit{code: ended.ExitCode(), err: fmt.Errorf("%s ended with exit code %d", command[0], ended.ExitCode())}
	}
	if err != nil {
		return failed("%s: %w", command[0], err)
	}
	return nil
}

func whatNext(url string) string {
	self, where, server := os.Args[0], "", ""
	if strings.Contains(self, "/") && !filepath.IsAbs(self) {
		where = ", in this folder"
	}
	if url != "http://"+defaultListen {
		server = " --server " + url
	}
	return fmt.Sprintf(`
MLQ stays at %[1]s until Ctrl-C. Try next, in another terminal%[4]s:
  %[2]s jobs%[3]s
  %[2]s run%[3]s -- python3 -c 'print(6 * 7)'
  curl -s %[1]s/gpus
`, url, self, server, where)
}
