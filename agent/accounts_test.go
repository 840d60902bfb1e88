package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// directory puts a getent and an id in front that know one account more.
func directory(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	err := errors.Join(
		os.WriteFile(filepath.Join(bin, "getent"), []byte("#!/bin/sh\n"+
			"[ $# = 1 ] && echo mlq-ldap:x:70001:70002::/home/ldap:/bin/sh && exit\n"+
			"case $3 in mlq-ldap|70001) echo mlq-ldap:x:70001:70002::/home/ldap:/bin/sh;;"+
			" mlq-evil) echo mlq-evil:x:0:0::/:/bin/sh;; *) exit 2;; esac\n"), 0o755),
		os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\necho 70002 70003\n"), 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

func TestAccountOfADirectory(t *testing.T) {
	directory(t)
	a, home, err := lookup("mlq-ldap")
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "mlq-ldap" || a.UID != 70001 || a.GID != 70002 || !slices.Equal(a.Groups, []uint32{70002, 70003}) || home != "/home/ldap" {
		t.Errorf("%+v, %s", a, home)
	}
	for name, want := range map[string]string{
		"70001": "no unix account", "mlq-none": "no unix account", "": "no unix account", "root": "which is root", "mlq-evil": "which is root",
	} {
		if a, _, err := lookup(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v", name, a, err)
		}
	}
}

// An account that was made after the agent's start is found, a little later.
func TestListOfAccountsGrowsOld(t *testing.T) {
	a := &accounts{runAs: RunAsSubmitter, listed: []string{"ana"}, at: time.Now()}
	if got := a.list(); !slices.Equal(got, []string{"ana"}) {
		t.Errorf("a fresh list was read anew: %v", got)
	}
	directory(t)
	a.at = a.at.Add(-2 * listFor)
	if got := a.list(); !slices.Equal(got, []string{"mlq-ldap"}) {
		t.Errorf("an old list is still used: %v", got)
	}
	self := &accounts{runAs: RunAsSelf}
	if got := self.list(); got != nil {
		t.Errorf("where jobs run as the agent's user, accounts do not matter: %v", got)
	}
}

// A directory service that hangs must not hold up claims, nor the agent's end; nor
// must what its program has started, which has the output too.
func TestADirectoryThatDoesNotAnswer(t *testing.T) {
	began := time.Now()
	for _, command := range []string{"exec sleep 20", "sleep 20 & wait"} {
		if _, err := ask(50*time.Millisecond, "sh", "-c", command); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", command, err)
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if out, err := ask(directoryPatience, "echo", "an answer"); err != nil || string(out) != "an answer\n" {
		t.Errorf("%q, %v", out, err)
	}
}
