package slot_test

import (
	"os"
	"testing"

	"github.com/mlq-dev/mlq/agent/slot"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run jobs as somebody else")
	}
	b := newBench(t)
	home := openFolder(t)
	if err := os.Chown(home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	ended := b.run(source(t, `
import os
def f(msg):
    open("/dev/stdout", "w").write("through /dev\n")
    open("out/file", "w").close()
    try: os.setuid(0)
    except PermissionError: again = False
    return [os.getresuid(), os.getresgid(), os.getgroups(), os.environ["USER"]]
`, 1), func(g *slot.Grant) {
		g.JobDir = home
		g.Account = &slot.Account{Name: "nobody", UID: 65534, GID: 65534}
	})
	expect(t, ended, scheduler.OutcomeSucceeded, "", "")
	if got := view(t, ended); got != `[[65534,65534,65534],[65534,65534,65534],[],"nobody"]` {
		t.Errorf("ran as %s", got)
	}
	if len(ended.Files) != 1 || logOf(t, ended) != "through /dev\n" {
		t.Errorf("files %v, log %q", ended.Files, logOf(t, ended))
	}
}
