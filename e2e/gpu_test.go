package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testGPU runs what make test-gpu runs, and gives what it said and its report.
func testGPU(t *testing.T, env ...string) (said, report string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.md")
	cmd := exec.CommandContext(t.Context(), "scripts/test-gpu.sh", python)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), append(env, "REPORT="+path, "MLQ="+binary)...)
	out, err := cmd.CombinedOutput()
	text, _ := os.ReadFile(path) // there is none where it ends before
	return string(out), string(text), err
}

// TestGPUDryRun: the program that tries MLQ on real hardware, on NVML's stand-in.
func TestGPUDryRun(t *testing.T) {
	said, report, err := testGPU(t, "DRY=1", "ROUNDS=2", "IDLE=1")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{
		`Stand-in, not hardware.*: 1\d passed, 0 failed, [23] skipped`,
		`a PyTorch job computes on the device \| pass`, `a foreign process is seen within 6 s \| pass`,
		`a job waits, and why names who is there \| pass \| .*is used by process \d+`, `the job that waited runs \| pass`,
		`gives it back \| pass \| 1024 MiB in use`, `nvmlDeviceGetMemoryInfo_v2 \| p50 \d`, `T13: probe, idle \| \d`,
	} {
		if !regexp.MustCompile(want).MatchString(report) {
			t.Errorf("no %s in the report\n%s", want, report)
		}
	}
}

// TestGPUWithoutGPU: one line that says what is missing and what to do, and no report.
func TestGPUWithoutGPU(t *testing.T) {
	if _, err := os.Stat("/dev/nvidiactl"); err == nil {
		t.Skip("this machine has a GPU's driver: make test-gpu tries it")
	}
	said, report, err := testGPU(t)
	helps := strings.Contains(said, "install the driver") && strings.Contains(said, "DRY=1") && !strings.Contains(said, "nvmlInit")
	if err == nil || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "test-gpu: no NVIDIA GPU") || !helps || report != "" {
		t.Errorf("%v: %s%s", err, said, report)
	}
}
