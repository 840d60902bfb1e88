package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// errDirectory: the directory service did not answer, which says nothing of
// what it has.
var errDirectory = errors.New("the directory does not answer")

// errNoEntry: neither the system's file nor the directory has it.
var errNoEntry = errors.New("no such entry")

// entry is the line of a name in a database of the system (passwd, shadow):
// its file's or, where that has none, what getent finds.
func entry(database, name string) (string, error) {
	if text, err := os.ReadFile(filepath.Join("/etc", database)); err == nil {
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, name+":") {
				return line, nil
			}
		}
	}
	line, err := ask(directoryPatience, "getent", database, "--", name)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("%w: %w", errDirectory, err)
	case err != nil, !strings.HasPrefix(string(line), name+":"): // a number is looked up as an id
		return "", errNoEntry
	}
	return string(line), nil
}

// directoryPatience is how long a directory service may take: whoever claims
// jobs waits for it, and so does the end of the agent.
const directoryPatience = 10 * time.Second

// ask runs a program that answers on its standard output. It is killed, and the
// error a context.DeadlineExceeded, when it takes too long.
func ask(patience time.Duration, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second // for what it started, if that keeps its output open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s does not answer: %w", program, ctx.Err())
	}
	return out, err
}
