package api_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// packages that docs/inputs.md names.
var packages = map[string]string{
	"api": ".", "auth": "auth", "submission": "../internal/submission", "strictjson": "../internal/strictjson", "pickle": "../internal/pickle", "jsonpickle": "../internal/jsonpickle",
	"envelope": "../internal/envelope", "units": "../internal/units", "token": "../internal/token", "blob": "../internal/blob", "agentclient": "agentclient",
	"redisstore": "../scheduler/store/redisstore", "agent": "../agent", "slot": "../agent/slot", "isolation": "../agent/isolation", "mlq": "../cmd/mlq",
	"removetree": "../internal/removetree", "lockfile": "../internal/lockfile", "backup": "../internal/backup", "secrets": "secrets", "data": "data", "callback": "callback",
	"sealed": "../internal/sealed", "highwater": "../internal/highwater", "localstore": "../scheduler/store/localstore", "runner": "../agent/runner",
	"scheduler": "../scheduler", "gpu": "../gpu", "probe": "../gpu/probe", "sim": "../gpu/sim", "nvml": "../gpu/nvml", "procinfo": "../gpu/procinfo", "e2e": "../e2e",
}

// TestInputsHaveTheirTests: each row of docs/inputs.md ends with tests, and each of them is there.
func TestInputsHaveTheirTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/inputs.md")
	must(t, err)
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 3 || cells[2] == "test |" {
			continue
		}
		rows++
		named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 {
			t.Errorf("no test in %s", line)
		}
		for _, name := range named {
			if !isTest(t, name[1]) {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
	if rows < 60 {
		t.Errorf("only %d rows were found", rows)
	}
}

func isTest(t *testing.T, name string) bool {
	t.Helper()
	where, test, _ := strings.Cut(name, ".")
	switch {
	case test == "txtar":
		_, err := os.Stat("../e2e/testdata/" + name)
		return err == nil
	case strings.HasPrefix(where, "test_"):
		return contains(t, "../client/python/tests/"+where+".py", "def "+test+"(")
	}
	files, err := filepath.Glob(filepath.Join(packages[where], "*_test.go"))
	must(t, err)
	for _, file := range files {
		if packages[where] != "" && contains(t, file, "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}

func contains(t *testing.T, file, words string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return strings.Contains(string(text), words)
}
