package slot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file of somebody else is not the job's to give away, whoever can read it: an
// agent of root could read all.
func TestOutTakesFilesOfTheJobsUserOnly(t *testing.T) {
	needRoot(t)
	job := t.TempDir()
	out := filepath.Join(job, "out")
	own, foreign := filepath.Join(out, "own"), filepath.Join(out, "foreign")
	do(t, os.Mkdir(out, 0o755), os.WriteFile(own, nil, 0o600), os.WriteFile(foreign, []byte("root's"), 0o600),
		os.Lchown(job, other, other), os.Lchown(out, other, other), os.Lchown(own, other, other))
	files, left, err := collectOut(job)
	if err != nil || len(files) != 1 || files[0].Name != "own" || !strings.Contains(left, "1 files of other users") {
		t.Errorf("%v, %q, %v", files, left, err)
	}
	if f, err := OpenOut(job, "foreign"); err == nil {
		t.Error("it can be opened", f.Close())
	}
	f, err := OpenOut(job, "own")
	if err != nil {
		t.Fatal(err)
	}
	do(t, f.Close())
}
