package gpu

import (
	"os"
	"syscall"
)

// DriverLoad names the load of the NVIDIA kernel driver, for Info.Generation: a
// sick card is well after a new one. It is the inode of the module's folder in
// sysfs, which the kernel numbers anew at every load and never gives twice in a
// boot; 0 where there is none. A number of openings would not do: a
// driver that is opened anew because it hung is the same driver.
func DriverLoad() uint64 { return inode("/sys/module/nvidia") }

func inode(path string) uint64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
