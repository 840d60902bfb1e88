package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makeHere runs make with its variables, and returns what it printed.
func makeHere(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("make", append([]string{"-C", "..", "--no-print-directory"}, args...)...)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// tree lists the files below a folder; folders end with a slash.
func tree(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if entry.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func files(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasSuffix(n, "/") })
}

func units(t *testing.T, folder string) (names []string) {
	t.Helper()
	all, err := filepath.Glob("../deploy/systemd/*")
	if err != nil || len(all) == 0 {
		t.Fatal(err, "no units")
	}
	for _, path := range all {
		names = append(names, filepath.Join(folder, filepath.Base(path)))
	}
	return names
}

// TestInstallAndUninstall: install puts its files there, uninstall takes away
// exactly these, and leaves settings that were changed, and data.
func TestInstallAndUninstall(t *testing.T) {
	dest := t.TempDir()
	vars := []string{"PREFIX=/opt/mlq", "DESTDIR=" + dest}
	makeHere(t, append(vars, "install")...)
	want := append(units(t, "opt/mlq/lib/systemd/system"), "etc/mlq/agent.env", "etc/mlq/serve.env", "opt/mlq/bin/mlq",
		"opt/mlq/share/bash-completion/completions/mlq", "opt/mlq/share/fish/vendor_completions.d/mlq.fish", "opt/mlq/share/zsh/site-functions/_mlq")
	slices.Sort(want)
	got := files(tree(t, dest))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("installed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	unit, err := os.ReadFile(filepath.Join(dest, "opt/mlq/lib/systemd/system/mlq-agent.service"))
	if err != nil || !bytes.Contains(unit, []byte("\nExecStart=/opt/mlq/bin/mlq agent\n")) {
		t.Errorf("the unit starts another program: %v\n%s", err, unit)
	}
	for _, shell := range []string{"bash", "zsh"} {
		path := filepath.Join(dest, map[string]string{"bash": "opt/mlq/share/bash-completion/completions/mlq", "zsh": "opt/mlq/share/zsh/site-functions/_mlq"}[shell])
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s does not read its completion: %v\n%s", shell, err, out)
		}
	}

	changed, data := filepath.Join(dest, "etc/mlq/agent.env"), filepath.Join(dest, "var/lib/mlq/store/data")
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{changed, data} {
		if err := os.WriteFile(path, []byte("MLQ_NAME=gpu1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeHere(t, append(vars, "install")...) // an upgrade
	if text, err := os.ReadFile(changed); err != nil || string(text) != "MLQ_NAME=gpu1\n" {
		t.Errorf("an upgrade changed a setting: %q, %v", text, err)
	}
	said := makeHere(t, append(vars, "uninstall")...)
	left := tree(t, dest)
	if want := []string{"etc/", "etc/mlq/", "etc/mlq/agent.env", "var/", "var/lib/", "var/lib/mlq/", "var/lib/mlq/store/", "var/lib/mlq/store/data"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	if !strings.Contains(said, "settings that were changed stay: "+changed+"\n") || !strings.Contains(said, "data stays where it is: "+dest+"/var/lib/mlq ") {
		t.Errorf("uninstall said\n%s", said)
	}
	makeHere(t, append(vars, "uninstall")...) // again, of what is gone
}

// TestNothingIsLeft: without changes and data, nothing at all.
func TestNothingIsLeft(t *testing.T) {
	dest := t.TempDir()
	makeHere(t, "DESTDIR="+dest, "install")
	if len(tree(t, dest)) == 0 {
		t.Fatal("nothing was installed")
	}
	makeHere(t, "DESTDIR="+dest, "uninstall")
	if left := tree(t, dest); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

// TestDist: the archive has all that a machine needs, the same commit makes the
// same bytes, and what it says of the C library is so.
func TestDist(t *testing.T) {
	wheels := t.TempDir()
	writeProgram(t, filepath.Join(wheels, "dep-1-py3-none-any.whl"), "")
	vars := []string{"WHEELS=" + wheels, "ARCHES=amd64", "VERSION=1.2.3", "dist"}
	said := makeHere(t, vars...)
	t.Cleanup(func() { os.RemoveAll("../dist") })
	if !regexp.MustCompile(`: NVML: yes, oldest glibc: 2\.\d+\n`).MatchString(said) {
		t.Errorf("it said\n%s", said)
	}
	first, err := os.ReadFile("../dist/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`mlq-1\.2\.3-linux-amd64\.tar\.gz`, `client/mlq_gpu-\S+\.whl`, `client/dep-1-py3-none-any\.whl`} {
		if !regexp.MustCompile(`(?m)^[0-9a-f]{64}  ` + name + `$`).Match(first) {
			t.Errorf("no %s in\n%s", name, first)
		}
	}
	makeHere(t, vars...)
	if second, err := os.ReadFile("../dist/SHA256SUMS"); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same commit made other bytes: %v\n%s\n%s", err, first, second)
	}

	dir := t.TempDir()
	inside := filepath.Join(dir, "mlq-1.2.3-linux-amd64")
	script := `tar -xzf "$1" -C "$2" && cd "$2"/mlq-* && sha256sum --quiet -c SHA256SUMS && DESTDIR="$2/root" ./install.sh && "$2"/root/usr/local/bin/mlq version -o json && DESTDIR="$2/root" ./install.sh uninstall`
	archive, err := filepath.Abs("../dist/mlq-1.2.3-linux-amd64.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("bash", "-ec", script, "-", archive, dir).CombinedOutput()
	if err != nil || !regexp.MustCompile(`"version": "1\.2\.3",\s+"commit": "[0-9a-f]{40}",\s+"go": "go1\.\d+\S*",\s+"platform": "linux/amd64",\s+"client": "\d[^"]*",\s+"nvml": true`).Match(out) {
		t.Errorf("what the archive holds: %v\n%s", err, out)
	}
	got := tree(t, inside)
	for _, name := range []string{"mlq", "BUILD", "LICENSE", "SHA256SUMS", "install.sh", "docs/install.md", "deploy/systemd/mlq-agent.service", "deploy/env/agent.env", "client/dep-1-py3-none-any.whl"} {
		if !slices.Contains(got, name) {
			t.Errorf("no %s in the archive: %q", name, got)
		}
	}
	if left := tree(t, filepath.Join(dir, "root")); len(left) != 0 {
		t.Errorf("uninstall left %q", left)
	}
}
