// Package boottime reads the clock that deadlines on a host are kept in.
//
// CLOCK_BOOTTIME starts at the boot, never jumps, goes on while the machine
// sleeps, and is the same in every process of the host: an agent can hand a
// deadline to a slot as a number. It means nothing on another host or after
// another boot.
package boottime

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since the boot, sleep included.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Linux has had this clock since 2.6.39; without it no deadline holds.
		panic("boottime: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// ID names this boot of the host: after a reboot it is another. In a
// container it is the host's.
func ID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}
