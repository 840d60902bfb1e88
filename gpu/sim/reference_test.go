package sim

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestReference: docs/reference.md has every field of the file, and every model.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## The file of simulated devices\n")
	section, _, end := strings.Cut(section, "\n## ")
	if !ok || !end {
		t.Fatal("docs/reference.md has no section of the file")
	}
	names := 0
	for what, read := range map[string]func(*yaml.Node) error{
		"file":    func(n *yaml.Node) error { _, err := parse(render(n), testSeed); return err },
		"device":  (&builder{}).device,
		"slice":   func(n *yaml.Node) error { return (&builder{}).slice(&entry{}, n) },
		"process": (&state{}).readProcess,
		"link":    (&builder{}).link,
		"driver":  (&driver{}).read,
	} {
		for name := range strings.SplitSeq(fieldsOf(t, read), ", ") {
			names++
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("docs/reference.md has no field %s of a %s", name, what)
			}
		}
	}
	if names < 50 {
		t.Errorf("only %d fields were looked up", names)
	}
	for name := range models {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/reference.md has no model %s", name)
		}
	}
}

// fieldsOf are the fields that a part of the file has, as its refusal lists them.
func fieldsOf(t *testing.T, read func(*yaml.Node) error) string {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("no-such-field: 1"), &doc); err != nil {
		t.Fatal(err)
	}
	err := read(doc.Content[0])
	if err == nil {
		t.Fatal("a field that does not exist is accepted")
	}
	_, names, ok := strings.Cut(err.Error(), "there are ")
	if !ok {
		t.Fatal(err)
	}
	return names
}

func render(n *yaml.Node) []byte {
	text, err := yaml.Marshal(n)
	if err != nil {
		panic(err)
	}
	return text
}
