package standin

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	stateVariable = "NVML_STANDIN_STATE"
	childVariable = "NVML_STANDIN_CHILD" // names the test that a child process runs
)

// Environ is what a process needs to find the library in the folder and its
// state, beside the environment of this one.
func (s *State) Environ(library string) []string {
	return with(os.Environ(), "LD_LIBRARY_PATH="+library, stateVariable+"="+s.path)
}

// Use has this process read the state, which a child of RunInChild needs.
func (s *State) Use() *State {
	s.t.Helper()
	s.t.Setenv(stateVariable, s.path)
	return s
}

// with puts settings into an environment, in the place of what is there.
func with(env []string, settings ...string) []string {
	for _, setting := range settings {
		name, _, _ := strings.Cut(setting, "=")
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, setting)
	}
	return env
}

// childTime bounds a test that runs in a child process.
const childTime = 2 * time.Minute

// RunInChild runs a test or subtest, which calls it first, in a process of its own that
// finds a library without the functions named: a process loads it once, and the
// path is read at its start. It reports true in the parent, where the test is
// over then:
//
//	if standin.RunInChild(t) {
//		return
//	}
//	s := standin.New(t, 2).Use()
func RunInChild(t *testing.T, without ...string) bool {
	t.Helper()
	return RunInChildAt(t, func() string { return Build(t, without...) })
}

// RunInChildAt is RunInChild with the library in a folder of the caller's.
func RunInChildAt(t *testing.T, folder func() string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return false
	}
	ctx, cancel := context.WithTimeout(t.Context(), childTime)
	defer cancel()
	only := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+only, "-test.v", "-test.count=1")
	cmd.Env = with(os.Environ(), "LD_LIBRARY_PATH="+folder(), childVariable+"="+t.Name(),
		"GORACE=atexit_sleep_ms=0") // the race detector sleeps for a second at each end
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return true
}
