// Package standin is a library that answers as the driver's libnvidia-ml.so.1,
// from a file that a test changes while it runs. It is compiled from the C files
// beside against NVML's own header, so that what is tested is the real path:
// dlopen, symbols, layouts of records, return codes, calls that hang.
//
// It says nothing of how a real driver behaves in time.
package standin

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

//go:embed c
var sources embed.FS

// module is the module whose header is NVML's.
const module = "github.com/NVIDIA/go-nvml"

// OldDriver are the functions that a library without any versioned function
// does not have: the oldest that can be met.
var OldDriver = []string{
	"nvmlInit_v2", "nvmlSystemGetCudaDriverVersion_v2", "nvmlDeviceGetCount_v2",
	"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo_v3",
	"nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetNvLinkRemotePciInfo_v2", "nvmlEventSetWait_v2",
	"nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses_v3",
	"nvmlDeviceGetGraphicsRunningProcesses_v2", "nvmlDeviceGetGraphicsRunningProcesses_v3",
	"nvmlDeviceGetMPSComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses_v3",
}

// built is the library that this test binary has compiled.
var built struct {
	sync.Mutex
	library []byte
}

// Build puts a library without the functions named into a folder of the test,
// for LD_LIBRARY_PATH, and returns the folder. It is compiled once per test
// binary. Where there is no C compiler the test is skipped, with MLQ_NO_SKIP it
// fails.
func Build(t testing.TB, without ...string) string {
	t.Helper()
	library, err := compiled()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("MLQ_NO_SKIP") == "" {
		t.Skip("no C compiler: install gcc and libc6-dev")
	}
	if err == nil {
		library, err = lacking(library, without)
	}
	if err != nil {
		t.Fatal("NVML's stand-in:", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libnvidia-ml.so.1"), library, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func compiled() ([]byte, error) {
	built.Lock()
	defer built.Unlock()
	if built.library != nil {
		return built.library, nil
	}
	dir, err := os.MkdirTemp("", "nvml-standin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	built.library, err = compile(dir)
	return built.library, err
}

func compile(dir string) ([]byte, error) {
	if err := os.CopyFS(dir, sources); err != nil {
		return nil, err
	}
	include, err := header()
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "libnvidia-ml.so.1")
	args := []string{
		"-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra", "-Werror",
		// Both nvmlInit and nvmlInit_v2 are functions here.
		"-DNVML_NO_UNVERSIONED_FUNC_DEFS", "-isystem", include,
		"-Wl,-soname,libnvidia-ml.so.1", "-o", out,
	}
	files, err := filepath.Glob(filepath.Join(dir, "c", "*.c"))
	if err != nil {
		return nil, err
	}
	if text, err := exec.Command(compiler(), append(args, files...)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return os.ReadFile(out)
}

func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return cc
	}
	return "gcc"
}

// header is the folder of nvml.h.
func header() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", module, err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "pkg", "nvml"), nil
}
