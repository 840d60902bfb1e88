package slot

import (
	"fmt"
	"math"
	"strconv"
)

// oomKills is how many processes the kernel has killed for want of memory
// since the boot; 0 where it does not tell.
func oomKills() int64 {
	n, err := vmstat("oom_kill")
	if err != nil {
		return math.MaxInt64 // never "more than before"
	}
	return n
}

func vmstat(name string) (int64, error) {
	data, err := readProc("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	value, ok := lookup(string(data), name)
	if !ok {
		return 0, fmt.Errorf("/proc/vmstat has no %s", name)
	}
	return strconv.ParseInt(value, 10, 64)
}
