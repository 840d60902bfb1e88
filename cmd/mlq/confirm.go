package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fewJobs is how many jobs a filter may hit before somebody is asked.
const fewJobs = 10

// confirm asks a person before something that cannot be undone. Who is no
// terminal has to say --yes.
func confirm(ctx context.Context, io streams, question string) error {
	if !isTerminal(io.in) {
		return usage("%s", question).with("say --yes, or look first with --dry-run")
	}
	fmt.Fprintf(io.err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.in).ReadString('\n') // an end without an answer is a no
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return failed("nothing was done")
	}
}

// isTerminal reports whether a stream is a terminal, where a person can answer.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
