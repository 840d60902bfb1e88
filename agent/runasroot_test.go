package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/scheduler"
)

// homeless are unix names under which no job runs, and the reason in words.
var homeless = map[string]string{
	"":             "this user has none on record",
	"mlq-no-such":  `no unix account "mlq-no-such"`,
	"daemon":       `no unix account "daemon"`, // a service's, and no person's
	"root":         `no unix account "root"`,
	"../etc/apsis": `no unix account "../etc/apsis"`,
}

// An environment that somebody else can write is never executed by root, and
// works: with a spare interpreter that is the job's user from the start.
func TestRootExecutesNothingOfOthers(t *testing.T) {
	a, p := newAccount(t, "s"), openPython(t)
	site := filepath.Join(filepath.Dir(filepath.Dir(p.Path)), "lib")
	spy := filepath.Join(openDir(t), "spy")
	if err := os.WriteFile(spy, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(spy, 0o666); err != nil {
		t.Fatal(err)
	}
	plant(t, site, "import os; open("+fmt.Sprintf("%q", spy)+", 'a').write('%d\\n' % os.getuid())\n")
	giveTree(t, site, a)
	w := newWorld(t, 1)
	h := w.startAs(t, a.name, p)
	for range 2 {
		id, s := w.look(scheduler.Who{User: "ana"}, map[string]any{"data": h.data})
		s.is(t, a)
		s.keptApart(t, h, id)
	}
	said, err := os.ReadFile(spy)
	if err != nil || len(said) == 0 {
		t.Fatalf("the planted file was never run: %v", err)
	}
	for uid := range strings.FieldsSeq(string(said)) {
		if uid != fmt.Sprint(a.uid) {
			t.Errorf("executed by user %s", uid)
		}
	}
	if pids := rootsPythons(t, p.Path); len(pids) > 0 {
		t.Errorf("processes %v of root run it", pids)
	}
}

// plant puts a line into what every start of the interpreter executes.
func plant(t *testing.T, lib, line string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(lib, "python*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatalf("site-packages: %v, %v", found, err)
	}
	if err := os.WriteFile(filepath.Join(found[0], "spy.pth"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
}

func giveTree(t *testing.T, root string, a unixAccount) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, a.uid, a.gid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rootsPythons are the processes of root that were started as this interpreter.
func rootsPythons(t *testing.T, python string) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(line), python+"\x00") {
			continue // gone, or another program
		}
		var stat syscall.Stat_t
		dir := filepath.Dir(path)
		if syscall.Stat(filepath.Join(dir, "task"), &stat) == nil && stat.Uid == 0 {
			pids = append(pids, number(t, filepath.Base(dir)))
		}
	}
	return pids
}
