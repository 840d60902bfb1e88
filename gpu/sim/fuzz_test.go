package sim

import (
	"strings"
	"testing"
	"unicode"

	"github.com/mlq-dev/mlq/internal/fuzzseed"

	"pgregory.net/rapid"
)

// FuzzParse: no text makes the parser fail otherwise than in words, and whatever it
// accepts is sound.
func FuzzParse(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, text := range []string{
		everything, two, "", "devices: [", "devices: []\n---\n", "{\"devices\": [{\"name\": \"a\", \"model\": \"T4\"}]}",
		"devices: &a [*a]", "a: &a [*a]", "devices: [{name: a, <<: {model: L4}}]", "devices:\n- name: \"\\x00\"\n",
		"devices: [{name: a, model: L4, cc: 99.9, power: 1e999, memory: 1e9}]", "? {a: b}\n: c\n", "%YAML 1.1\n---\ndevices: !!binary aGk=\n",
		"devices: [{name: a, model: L4, slices: [{name: b, memory: 1GiB, error: x}], fault: lost}]",
	} {
		seeds.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parse(text, testSeed)
		if err == nil {
			sound(t, l)
			return
		}
		if words := err.Error(); words == "" || strings.ContainsFunc(words, unicode.IsControl) {
			t.Errorf("refused with %q", words)
		}
	})
}

// TestAnyFile: of files made up of right and wrong parts, the accepted ones are sound,
// and the others are refused in words.
func TestAnyFile(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		text := anyFile(t)
		l, err := parse([]byte(text), testSeed)
		if err == nil {
			accepted++
			sound(t, l)
		} else if !strings.Contains(err.Error(), "line ") {
			t.Fatalf("%s\nrefused with %v", text, err)
		}
	})
	if accepted < 10 {
		t.Errorf("only %d files were accepted", accepted)
	}
}

// anyFile has few names, UUIDs and values, so that they often meet.
func anyFile(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("devices:\n")
	for range rapid.IntRange(1, 4).Draw(t, "devices") {
		b.WriteString("- name: " + rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "name") + "\n  model: " + rapid.SampledFrom([]string{"H100", "T4"}).Draw(t, "model") + "\n")
		someFields(t, &b, "  ", []string{"uuid: SIM-1", "uuid: SIM-2", "pci: 01:00.0", "memory: 1GiB", "cc: 7.5", "display: true"})
		if rapid.IntRange(0, 3).Draw(t, "sliced") == 0 {
			b.WriteString("  slices:\n  - name: s\n    memory: 8GiB\n")
			someFields(t, &b, "    ", states)
			continue
		}
		someFields(t, &b, "  ", states)
	}
	someFields(t, &b, "", []string{"links: [{between: [a, b], nvlinks: 2}]", "links: [{between: [b, c, a], level: single}]", "driver: {down: away}", "xids: [79]"})
	return b.String()
}

var states = []string{
	"used: 1GiB", "used: 0", "used: 99GiB", "processes: [{pid: 1, memory: 1GiB}]", "processes: [{pid: 1}, {pid: 2, graphics: true}]", "utilization: 50",
	"temperature: 30", "power: 55.5", "fault: lost", "fault: gone", "error: strange", "recovery: reset", "recovery: none", "remap_failed: true",
	"remap_pending: true", "uncorrected: 3", "prohibited: true", "unlisted: true", "with_reserve: true", "hang: 1s", "xids: [13, 79]", "utilization: 101",
}

func someFields(t *rapid.T, b *strings.Builder, indent string, from []string) {
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(from)-1), 0, 2, func(i int) string { name, _, _ := strings.Cut(from[i], ":"); return name }).Draw(t, "fields") {
		b.WriteString(indent + from[i] + "\n")
	}
}
