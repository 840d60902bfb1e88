package keyfile

import (
	"os"
	"syscall"
	"testing"
)

// TestBearable: root in a container may not be able to give a key away; a disk that fails is
// another thing.
func TestBearable(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{syscall.EPERM: true, syscall.EACCES: true, syscall.EINVAL: true, syscall.EIO: false, syscall.EROFS: false} {
		if got := bearable(&os.PathError{Op: "chown", Path: "signing.key", Err: errno}); got != want {
			t.Errorf("%v: %v", errno, got)
		}
	}
	if bearable(nil) {
		t.Error("no error is one")
	}
}
