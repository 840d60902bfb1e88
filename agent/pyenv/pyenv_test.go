package pyenv

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	venv := t.TempDir()
	got, err := ParseFlags([]string{"/opt/py/bin/python3", "torch25=" + venv})
	if err != nil {
		t.Fatal(err)
	}
	want := []Candidate{{Default, "/opt/py/bin/python3"}, {"torch25", filepath.Join(venv, "bin", "python")}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseFlagsRefuses(t *testing.T) {
	for _, values := range [][]string{
		{""},
		{"a="},
		{"=/bin/x"},
		{"3.11=/bin/x"},
		{"/x=/bin/x"},
		{"a b=/bin/x"},
		{"a=/bin/x", "a=/bin/y"},
		{"/bin/x", "default=/bin/y"},
		{"a=no-such-program"},
		{strings.Repeat("n", 65) + "=/bin/x"},
	} {
		if got, err := ParseFlags(values); err == nil {
			t.Errorf("%q was taken as %v", values, got)
		}
	}
}

func TestGuess(t *testing.T) {
	root := t.TempDir()
	binary := filepath.Join(root, "bin", "mlq")
	beside := fakePython(t, filepath.Join(root, ".venv"))
	active := fakePython(t, filepath.Join(root, "active"))

	if got := Guess(filepath.Join(root, "active"), binary); got[0].Path != active {
		t.Errorf("with an active environment: %v", got)
	}
	if got := Guess("", binary); got[0].Path != beside {
		t.Errorf("beside the binary: %v", got)
	}
	if got := Guess(filepath.Join(root, "gone"), "/nowhere/bin/mlq"); len(got) == 1 && got[0].Name != Default {
		t.Errorf("python3: %v", got)
	}
}

func TestProblem(t *testing.T) {
	c := Candidate{Name: "a", Path: "/opt/py"}
	good := facts{Implementation: "cpython", Version: "3.11.7", Cloudpickle: "3.1.0"}
	tests := []struct {
		name   string
		change func(*facts)
		want   string // a part; "" for none
	}{
		{"good", func(*facts) {}, ""},
		{"oldest", func(f *facts) { f.Version, f.Cloudpickle = "3.9.0", "3.0" }, ""},
		{"next major", func(f *facts) { f.Version, f.Cloudpickle = "4.0.1", "10.0" }, ""},
		{"old Python", func(f *facts) { f.Version = "3.8.20" }, "3.9 or newer"},
		{"Python 2", func(f *facts) { f.Version = "2.7.18" }, "3.9 or newer"},
		{"PyPy", func(f *facts) { f.Implementation = "pypy" }, "CPython"},
		{"no cloudpickle", func(f *facts) { f.Cloudpickle = "" }, "/opt/py -m pip install 'cloudpickle>=3'"},
		{"old cloudpickle", func(f *facts) { f.Cloudpickle = "2.2.1" }, "2.2.1 is too old"},
		{"strange cloudpickle", func(f *facts) { f.Cloudpickle = "dev" }, "too old"},
		{"the system's", func(f *facts) { f.Cloudpickle, f.Managed = "", true }, "-m venv"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good
			tt.change(&f)
			got := problem(c, f)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want …%q…", got, tt.want)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	silent := filepath.Join(t.TempDir(), "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\necho no JSON\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	failing := filepath.Join(t.TempDir(), "failing")
	if err := os.WriteFile(failing, []byte("#!/bin/sh\necho bad: disk >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := Probe(context.Background(), []Candidate{
		{"real", python}, {"missing", "/no/such/python"}, {"silent", silent}, {"failing", failing},
	}, nil)
	if got[0].Version == "" || !filepath.IsAbs(got[0].Path) {
		t.Errorf("the real one: %+v", got[0])
	}
	for i, want := range map[int]string{1: "does not start", 2: "not a Python interpreter", 3: "bad: disk"} {
		if !strings.Contains(got[i].Problem, want) {
			t.Errorf("%s: problem %q, want …%s…", got[i].Name, got[i].Problem, want)
		}
	}
}

// TestProbeOfModules: what pip, setuptools and an editable install leave behind.
func TestProbeOfModules(t *testing.T) {
	venv := t.TempDir()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for name, text := range map[string]string{
		"scikit_learn-1.4.2.dist-info/METADATA": "Name: scikit-learn\nVersion: 1.4.2\n",
		"scikit_learn-1.4.2.dist-info/RECORD":   "../../../bin/run,,\nsklearn/__init__.py,,\nsix.py,,\n_fast.cpython-311.so,,\nfast.cpython-311.so,,\nnotes.txt,,\nscikit_learn-1.4.2.dist-info/RECORD,,\n",
		"old-2.0.egg-info/PKG-INFO":             "Name: old\nVersion: 2.0\n",
		"old-2.0.egg-info/top_level.txt":        "ancient\n_hidden\n",
		"my_tool-0.1.dist-info/METADATA":        "Name: My-Tool\nVersion: 0.1\n",
		"my_tool-0.1.dist-info/RECORD":          "my_tool.pth,,\n__editable___my_tool.py,,\n",
		"broken-1.dist-info/RECORD":             "",
	} {
		path := filepath.Join(found[0], name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := Probe(context.Background(), []Candidate{{"venv", filepath.Join(venv, "bin", "python")}}, nil)[0].Modules
	want := map[string]string{"sklearn": "1.4.2", "six": "1.4.2", "fast": "1.4.2", "ancient": "2.0", "my_tool": "0.1"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	hangs := filepath.Join(t.TempDir(), "hangs")
	if err := os.WriteFile(hangs, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := Probe(ctx, []Candidate{{"hangs", hangs}}, nil); got[0].Problem == "" {
		t.Error("an interpreter that hangs has no problem")
	}
}

func fakePython(t *testing.T, venv string) string {
	t.Helper()
	path := filepath.Join(venv, "bin", "python")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
