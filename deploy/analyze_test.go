package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// systemd itself reads the units, with the program where we built it.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze := systemdAnalyze(t)
	dir := installed(t)
	for _, name := range []string{
		"mlq-serve.service", "mlq-nvidia-prep.service", "mlq-agent.service", "mlq-agent@0.service",
		"mlq-agent@GPU-8f2c1a00-1111-2222-3333-444455556666.service",
		// verify takes what follows a colon as the unit's name.
		"mlq-agent@.service:mlq-agent@0000:65:00.0.service",
	} {
		t.Run(name, func(t *testing.T) {
			// An unknown key or value is a warning on standard error, and no failure.
			out, err := exec.Command(analyze, "--man=no", "verify", filepath.Join(dir, name)).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// What a process can still do, as systemd sums it up: 0 nothing, 10 all. The
// bounds are what the units reach; who opens one up says so here.
func TestExposure(t *testing.T) {
	analyze := systemdAnalyze(t)
	dir := installed(t)
	total := regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d)`)
	for name, bound := range map[string]float64{"mlq-serve.service": 1.2, "mlq-agent.service": 5.2, "mlq-agent@.service": 5.2} {
		out, err := exec.Command(analyze, "--no-pager", "--offline=true", fmt.Sprintf("--threshold=%.0f", bound*10), "security", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%s is above %.1f: %v\n%s", name, bound, err, out)
		}
		found := total.FindSubmatch(out)
		if found == nil {
			t.Errorf("%s: no level in\n%s", name, out)
			continue
		}
		if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > bound {
			t.Errorf("%s: exposure %.1f, want at most %.1f", name, level, bound)
		}
	}
}

// How systemd writes the names of instances: docs/systemd.md tells it so.
func TestInstanceNames(t *testing.T) {
	systemdAnalyze(t)
	for device, want := range map[string]string{
		"0":            "mlq-agent@0.service",
		"0000:65:00.0": "mlq-agent@0000:65:00.0.service",
		"GPU-8f2c":     `mlq-agent@GPU\x2d8f2c.service`, // so: not by systemd-escape
	} {
		out, err := exec.Command("systemd-escape", "--template=mlq-agent@.service", device).Output()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: %s, %v; want %s", device, out, err, want)
		}
	}
}

func systemdAnalyze(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze: install the package systemd")
	}
	return path
}

// build makes the program, once.
var build = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "mlq")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/mlq").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mlq-deploy-")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// installed puts the units into a folder, with a program that is there.
func installed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range unitsAt(t, binary) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
