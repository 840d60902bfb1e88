package runner

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func licenseOf(project string) string {
	found := regexp.MustCompile(`(?m)^license = { text = "(.*)" }$`).FindStringSubmatch(project)
	if found == nil {
		return "none in pyproject.toml"
	}
	return found[1]
}

// TestMetadataIsThePackages: what the wheel says is what pyproject.toml says.
func TestMetadataIsThePackages(t *testing.T) {
	text, err := os.ReadFile("../../client/python/pyproject.toml")
	if err != nil {
		t.Fatal(err)
	}
	project := string(text)
	field := func(name string) string {
		found := regexp.MustCompile(`(?m)^` + name + ` = "(.*)"$`).FindStringSubmatch(project)
		if found == nil {
			t.Fatalf("pyproject.toml has no %s", name)
		}
		return found[1]
	}
	list := func(name string) []string {
		_, rest, _ := strings.Cut(project, "\n"+name+" = [\n")
		inside, _, _ := strings.Cut(rest, "\n]")
		var all []string
		for _, found := range regexp.MustCompile(`"(.*)"`).FindAllStringSubmatch(inside, -1) {
			all = append(all, found[1])
		}
		if len(all) == 0 {
			t.Fatalf("pyproject.toml has no %s", name)
		}
		return all
	}
	want := []string{"Summary: " + field("description"), "License-File: LICENSE", "License: " + licenseOf(project), "Requires-Python: " + field("requires-python")}
	for _, c := range list("classifiers") {
		want = append(want, "Classifier: "+c)
	}
	for _, d := range list("dependencies") {
		want = append(want, "Requires-Dist: "+d)
	}
	got := strings.Split(strings.TrimSuffix(metadata, "\n"), "\n")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the wheel says\n%s\npyproject.toml\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	made, err := Wheel()
	if err != nil || made.Name != "mlq_gpu-"+Version()+"-py3-none-any.whl" || Version() == "" {
		t.Errorf("%s, %v", made.Name, err)
	}
}
