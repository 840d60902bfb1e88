package slot

import (
	"os"

	"golang.org/x/sys/unix"
)

// procSize is more than what is read of /proc on the path of a job.
const procSize = 16 << 10

// readProc reads a file of /proc as os.ReadFile does, in a third of the system
// calls: it does not look for its size, which is 0, and does not try to have it polled.
func readProc(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	data := make([]byte, 0, 512)
	for {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, max(procSize, 2*cap(data))), data...)
		}
		n, err := unix.Read(fd, data[len(data):cap(data)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
	}
}
