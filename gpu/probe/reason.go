package probe

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
)

// lookupFailed is the dynamic loader's word for a function that a library
// lacks; it then ends the process with 127.
var lookupFailed = regexp.MustCompile(`symbol lookup error: .*undefined symbol: (\w+)`)

// exitReason says why a child ended by itself, from how it did and what it
// wrote last. It is pure.
func exitReason(status syscall.WaitStatus, said string) string {
	missing := lookupFailed.FindStringSubmatch(said)
	switch {
	case status.Exited() && status.ExitStatus() == 127 && missing != nil:
		return fmt.Sprintf("the driver's library has no function %s: this driver is too old for this build of mlq; install a newer driver", missing[1])
	case status.Signaled():
		return fmt.Sprintf("it was ended by a signal (%s)", status.Signal()) + quote(said)
	case status.ExitStatus() == 0:
		return "it ended by itself"
	}
	return fmt.Sprintf("it ended with exit code %d", status.ExitStatus()) + quote(said)
}

// quote is the first line of what a process wrote before it ended.
func quote(said string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	if first == "" {
		return ""
	}
	return ": " + first
}
