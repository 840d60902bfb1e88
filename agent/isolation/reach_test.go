package isolation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rootHere: what makes groups of its own needs root and a cgroup2 tree.
func rootHere(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can limit devices")
	}
	if _, _, err := mountPoint(); err != nil {
		t.Skip(err)
	}
}

// reached is a place for groups of this test.
func reached(t testing.TB) Place {
	t.Helper()
	rootHere(t)
	p, err := Reach(context.Background(), Wish{Level: Cgroup, Owner: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p
}

func TestWishesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		wish Wish
		want string
	}{
		{Wish{Level: "jail"}, `isolation "jail": want auto, none, cgroup or systemd`},
		{Wish{Level: Auto, Limits: Limits{Memory: -1}}, "want at least 64MiB"},
		{Wish{Level: Auto, Limits: Limits{Memory: 1 << 20}}, "a job's memory of 1MiB: want at least 64MiB"},
		{Wish{Level: Auto, Limits: Limits{Processes: -1}}, "want at least 8"},
		{Wish{Level: Auto, Limits: Limits{Processes: 7}}, "a job's processes 7: want at least 8"},
		// Nothing here can hold a job to limits that nobody is to enforce.
		{Wish{Level: None, Limits: Limits{Memory: 1 << 30}}, "nothing here can hold a job to a limit"},
		{Wish{Limits: Limits{Processes: 100}}, "nothing here can hold a job to a limit"},
	} {
		if p, err := Reach(context.Background(), c.wish); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %+v, %v, want …%s…", c.wish, p, err, c.want)
		}
	}
}

// A level that is named and cannot be had is a refusal; of auto it is a reason
// why there is not more.
func TestNoSystemd(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	want := "no system bus"
	if os.Geteuid() != 0 {
		want = "it needs an agent of root"
	}
	if p, err := Reach(context.Background(), Wish{Level: Systemd}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%+v, %v", p, err)
	}
	p, err := Reach(context.Background(), Wish{Level: Auto, Owner: t.TempDir()})
	if err != nil || p.Level == Systemd || !strings.Contains(p.Without, want) {
		t.Errorf("%+v, %v", p, err)
	}
	p.Release()
}

// What Reach says is what its groups have; nothing of its trial stays.
func TestReachTriesWhatItSays(t *testing.T) {
	p := reached(t)
	if p.Level != Cgroup || !p.Devices || p.Words() != "control group, own devices only" || p.Without != "" {
		t.Errorf("%+v, in words %q", p, p.Words())
	}
	left, err := filepath.Glob(filepath.Join(p.parent, "*", procsFile))
	if err != nil || len(left) > 0 {
		t.Errorf("%v stay, %v", left, err)
	}
	p.Release()
	if _, err := os.Stat(p.parent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the agent's own folder stays: %v", err)
	}
}

// Two agents of one host, of two stores even, have groups of two names.
func TestNamesAreTheAgents(t *testing.T) {
	rootHere(t)
	var names []string
	for _, owner := range []string{"/var/lib/a", "/var/lib/b"} {
		p, err := Reach(context.Background(), Wish{Level: Cgroup, Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		p.Release()
		s := p.Spec(41, 2)
		if !strings.HasPrefix(s.Name, "mlq-job-41-2-") || !strings.HasSuffix(s.Parent, strings.TrimPrefix(s.Name, "mlq-job-41-2-")) {
			t.Errorf("%+v", s)
		}
		names = append(names, s.Name)
	}
	if names[0] == names[1] {
		t.Errorf("both are %s", names[0])
	}
}

func TestPlacesInWords(t *testing.T) {
	for want, p := range map[string]Place{
		"":              {Level: None},
		"control group": {Level: Cgroup},
		"systemd scope, own devices only, memory 64GiB, 4096 processes": {Level: Systemd, Devices: true, Limits: Limits{64 << 30, 4096}},
		"control group, memory 1536MiB":                                 {Level: Cgroup, Limits: Limits{Memory: 3 << 29}},
	} {
		if got := p.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	none := Place{Level: None}
	if s := none.Spec(1, 1); s != nil {
		t.Errorf("a group where there are none: %+v", s)
	}
}

// Only the folder of the very attempt is its group: what is killed there must be
// nobody else's.
func TestAdoptsNothingElse(t *testing.T) {
	p := Place{Level: Cgroup, parent: "/c/mlq-a", tag: "a"}
	s := p.Spec(41, 2)
	for dir, ours := range map[string]bool{
		"/c/mlq-a/" + s.Name:                true,
		"/c/mlq.slice/" + s.Name + ".scope": true,
		"/c/mlq-a":                          false,
		"/c/mlq-a/mlq-job-41-3-a":           false,
		"/c/mlq-a/mlq-job-4-2-a":            false,
		"/c/mlq-a/" + s.Name + ".service":   false,
		"/c/mlq-a/" + s.Name + "/..":        false,
		"/c/system.slice/mlq-agent.service": false,
		"/":                                 false,
		"":                                  false,
	} {
		if g, err := Adopt(s, dir); (err == nil) != ours {
			t.Errorf("%q: %+v, %v", dir, g, err)
		}
	}
	if g, err := Adopt(nil, "/c/mlq-a/"+s.Name); err == nil {
		t.Errorf("without a group in the grant: %+v", g)
	}
	if g, err := Adopt(&Spec{Name: "others"}, "/c/others"); err == nil {
		t.Errorf("a name that no attempt has: %+v", g)
	}
}

// A kernel that cannot end a group as a whole (before 5.14) is no place for jobs:
// that is said, and nobody waits for an end that does not come.
func TestKernelThatCannotEndGroups(t *testing.T) {
	g := &Group{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(g.dir, eventsFile), []byte("populated 1\nfrozen 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := g.Clear(ctx, func() {}); err == nil || !strings.Contains(err.Error(), "that needs Linux 5.14") {
		t.Errorf("%v", err)
	}
}

// A trial that fails leaves no folder in the tree.
func TestFailedTrialLeavesNothing(t *testing.T) {
	rootHere(t)
	owner := t.TempDir()
	p, err := Reach(t.Context(), Wish{Level: Cgroup, Owner: owner})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	t.Setenv("PATH", "") // there is nothing to try it with
	if _, err := Reach(t.Context(), Wish{Level: Cgroup, Owner: owner}); err == nil {
		t.Fatal("it was tried with nothing")
	}
	if _, err := os.Stat(p.parent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the agent's folder stays: %v", err)
	}
}
