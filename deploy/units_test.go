package deploy

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/systemd.md")

// tables says of each unit what stands in it and what does not.
var tables = []struct {
	unit   string
	keys   []key
	absent []absent
}{
	{"mlq-serve.service", serveKeys, serveAbsent},
	{"mlq-agent.service", agentKeys, agentAbsent},
	{"mlq-agent@.service", perDevice(agentKeys), agentAbsent},
	{"mlq-nvidia-prep.service", prepKeys, prepAbsent},
}

// perDevice is what the agent of one device has in place of the host's.
func perDevice(of []key) (keys []key) {
	for _, k := range of {
		switch k.name {
		case "Description":
			k.value = "MLQ agent of the device %i"
		case "Wants":
			keys = append(keys, key{"Unit", "Conflicts", "mlq-agent.service", "the agent of the whole host would offer the same device"})
		case "After":
			k.value += " mlq-agent.service"
		case "ExecStart":
			k.value, k.why = k.value+" --device %i", "the instance is an index, a UUID or a PCI address, as it is written (`%i`, not `%I`)"
		case "EnvironmentFile":
			keys = append(keys, k)
			k.value, k.why = "-/etc/mlq/agent@%i.env", "what holds for this device alone"
		}
		keys = append(keys, k)
	}
	return keys
}

// Every key of a unit stands in its table with its reason, and the other way round.
func TestUnitsSayWhatTheTablesSay(t *testing.T) {
	units := unitsAt(t, Binary)
	if len(units) != len(tables) {
		t.Errorf("%d units, %d tables", len(units), len(tables))
	}
	for _, table := range tables {
		var want []string
		for _, k := range table.keys {
			want = append(want, fmt.Sprintf("[%s] %s=%s", k.section, k.name, k.value))
			if k.why == "" {
				t.Errorf("%s: no reason for %s", table.unit, k.name)
			}
		}
		have := parse(t, units[table.unit])
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-table +unit):\n%s", table.unit, diff)
		}
		for _, a := range table.absent {
			if slices.ContainsFunc(have, func(line string) bool { return strings.Contains(line, "] "+a.name+"=") }) {
				t.Errorf("%s has %s, which the table says that it has not", table.unit, a.name)
			}
		}
	}
}

// parse gives the settings of a unit in their order. Comments are refused: the
// reasons stand in the page, once.
func parse(t *testing.T, unit string) (settings []string) {
	t.Helper()
	section := ""
	for line := range strings.Lines(unit) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "["):
			section = line
		case strings.Contains(line, "="):
			settings = append(settings, section+" "+line)
		case line != "":
			t.Errorf("what is %q?", line)
		}
	}
	return settings
}

// The page has the tables, word for word.
func TestPageSaysWhatTheTablesSay(t *testing.T) {
	const path = "../docs/systemd.md"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, table := range tables {
		begin, end := "<!-- keys of "+table.unit+", written by go test ./deploy -update -->\n", "<!-- end -->"
		head, rest, ok := strings.Cut(page, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the keys of %s", path, table.unit)
		}
		page = head + begin + markdown(table.keys, table.absent) + end + tail
	}
	if page == string(b) {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the tables; run go test ./deploy -update\n%s", path, cmp.Diff(string(b), page))
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

func markdown(keys []key, not []absent) string {
	var b strings.Builder
	b.WriteString("\n| key | why |\n|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "| `%s=%s` | %s |\n", k.name, k.value, k.why)
	}
	b.WriteString("\n| not set | why not |\n|---|---|\n")
	for _, a := range not {
		fmt.Fprintf(&b, "| `%s=` | %s |\n", a.name, a.why)
	}
	return b.String() + "\n"
}

func unitsAt(t *testing.T, binary string) map[string]string {
	t.Helper()
	list, err := Units(binary)
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]string{}
	for _, u := range list {
		units[u.Name] = string(u.Text)
	}
	return units
}

func TestAnotherBinary(t *testing.T) {
	for name, text := range unitsAt(t, "/opt/mlq/bin/mlq") {
		if strings.Contains(text, Binary) || name != "mlq-nvidia-prep.service" && !strings.Contains(text, "\nExecStart=/opt/mlq/bin/mlq ") {
			t.Errorf("%s starts another program:\n%s", name, text)
		}
	}
	for _, path := range []string{"bin/mlq", "/opt/my tools/mlq", "/opt/%h/mlq", "/opt/a\\b/mlq", ""} {
		if _, err := Units(path); err == nil {
			t.Errorf("%q is taken as the path of the program", path)
		}
	}
}

// A setting that the files name is one that the program knows: a mistyped one
// would end it with exit code 78.
func TestSettingsAreVariables(t *testing.T) {
	reference, err := os.ReadFile("../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, f := range Env() {
		texts[f.Name] = string(f.Text)
	}
	for _, table := range tables {
		texts[table.unit] = unitsAt(t, Binary)[table.unit]
	}
	for name, text := range texts {
		for _, variable := range regexp.MustCompile(`MLQ_[A-Z_]+`).FindAllString(text, -1) {
			if !strings.Contains(string(reference), "`"+variable+"`") {
				t.Errorf("%s: no flag has the variable %s", name, variable)
			}
		}
	}
	if len(Env()) != 2 {
		t.Errorf("settings: %d files", len(Env()))
	}
}
