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

	"github.com/mlq-dev/mlq/scheduler"
)

// directory puts a getent and an id in front that know some accounts more, and
// write down what they are asked.
func directory(t *testing.T) (asked func() string) {
	t.Helper()
	bin := t.TempDir()
	script := "#!/bin/sh\necho ${0##*/} $* >>" + bin + "/asked\n"
	err := errors.Join(
		os.WriteFile(filepath.Join(bin, "getent"), []byte(script+
			"[ $# = 1 ] && echo mlq-ldap:x:70001:70002::/home/ldap:/bin/sh && exit\n"+
			"case $1:$3 in passwd:mlq-ldap|passwd:70001) echo mlq-ldap:x:70001:70002::/home/ldap:/bin/sh;;"+
			" passwd:mlq-evil) echo mlq-evil:x:0:0::/:/bin/sh;;"+
			" passwd:mlq-old|passwd:mlq-today|passwd:mlq-later) echo $3:x:70004:70002::/home/old:/usr/sbin/nologin;;"+
			" shadow:mlq-old) echo 'mlq-old:!:19000:0:99999:7::19358:';;"+
			" shadow:mlq-later) echo 'mlq-later:!:19000:0:99999:7::99999:';;"+
			" *) exit 2;; esac\n"), 0o755),
		os.WriteFile(filepath.Join(bin, "id"), []byte(script+"echo 70002 70003\n"), 0o755),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return func() string {
		text, err := os.ReadFile(filepath.Join(bin, "asked"))
		if err != nil {
			return ""
		}
		return string(text)
	}
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
		"70001": "no unix account", "mlq-none": "no unix account", "": "no unix account", "root": "jobs do not run as root", "mlq-evil": "which is root",
	} {
		if a, _, err := lookup(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v", name, a, err)
		}
	}
}

// An account that was made after the agent's start is found, a little later.
func TestListOfAccountsGrowsOld(t *testing.T) {
	a := &accounts{runAs: RunAsSubmitter, listed: []string{"ana"}, at: time.Now()}
	if got, _ := a.list(); !slices.Equal(got, []string{"ana"}) {
		t.Errorf("a fresh list was read anew: %v", got)
	}
	directory(t)
	a.at = a.at.Add(-2 * listFor)
	if got, _ := a.list(); !slices.Equal(got, []string{"mlq-ldap"}) {
		t.Errorf("an old list is still used: %v", got)
	}
	self := &accounts{runAs: RunAsSelf}
	if got, _ := self.list(); got != nil {
		t.Errorf("where jobs run as the agent's user, accounts do not matter: %v", got)
	}
}

// A directory that lists nobody (sssd as it is installed) has accounts all the
// same: the host asks by name, and tells whom it asked for in vain.
func TestDirectoryThatListsNobody(t *testing.T) {
	directory(t)
	a := &Agent{accounts: &accounts{runAs: RunAsSubmitter, listed: []string{}, at: time.Now(), byName: true}}
	for name, want := range map[string]bool{
		"mlq-ldap": true, "mlq-none": false, "mlq-evil": false, "mlq-old": false, "daemon": false, "nobody": false,
	} {
		if got := a.hasAccount(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	told := a.barred.list(time.Now())
	if len(told) != 5 || slices.Contains(told, scheduler.Barred{Unix: "mlq-ldap"}) || !slices.Contains(told, scheduler.Barred{Unix: "mlq-none"}) {
		t.Errorf("told of %+v", told)
	}
	slow := known{err: errDirectory, at: time.Now()}
	a.accounts.known["mlq-slow"] = slow
	if a.hasAccount("mlq-slow") || len(a.barred.list(time.Now())) != 5 {
		t.Error("a directory that does not answer has said that there is no such account")
	}
	if a.hasAccount("mlq-today") || a.accounts.known["mlq-today"] != (known{}) {
		t.Error("a directory that did not answer was asked for the next one too")
	}
	if !a.hasAccount("mlq-ldap") {
		t.Error("an account that is known is not known while the directory is silent")
	}
}

func TestSourcesThatListNobody(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "passwd: files systemd\n": false, "passwd:\tfiles sss\n": true, "# passwd: sss\npasswd: compat # ldap\n": false,
		"group: files sss\npasswd: files\n": false, "passwd: files [NOTFOUND=return SUCCESS=merge] systemd": false,
		" passwd : sss [NOTFOUND=return] files": true, "passwd: files winbind": true,
	} {
		if got := asksDirectory(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// An account that has ended is no way in; one without a login shell is.
func TestExpiredAccount(t *testing.T) {
	directory(t)
	a := &accounts{runAs: RunAsSubmitter}
	if got, _, err := a.of("mlq-old"); err == nil || !strings.Contains(err.Error(), "has expired on 2023-01-01") {
		t.Errorf("%+v, %v", got, err)
	}
	for _, name := range []string{"mlq-today", "mlq-later"} {
		if got, _, err := a.of(name); err != nil || got.UID != 70004 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The groups of an account of the system's file are the directory's too, and it
// is not asked again for each job.
func TestGroupsOfTheDirectory(t *testing.T) {
	asked := directory(t)
	a := &accounts{runAs: RunAsSubmitter}
	for range 3 {
		got, _, err := a.of("daemon")
		if err != nil || !slices.Equal(got.Groups, []uint32{70002, 70003}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := strings.Count(asked(), "id -G"); n != 1 {
		t.Errorf("asked %d times:\n%s", n, asked())
	}
	k := a.known["daemon"]
	k.at = k.at.Add(-2 * listFor)
	a.known["daemon"] = k
	if _, _, err := a.of("daemon"); err != nil || strings.Count(asked(), "id -G") != 2 {
		t.Errorf("what is old is not asked for anew: %v\n%s", err, asked())
	}
}

// Where there is no id, the system's file tells.
func TestGroupsWithoutId(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	a, _, err := lookup("daemon")
	if err != nil || !slices.Contains(a.Groups, a.GID) {
		t.Errorf("%+v, %v", a, err)
	}
}

// A home that is not there is no home: the job's folder takes its place.
func TestHomeThatIsNotThere(t *testing.T) {
	there := t.TempDir()
	file := filepath.Join(there, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for home, want := range map[string]string{there: there, file: "", filepath.Join(there, "gone"): "", "": ""} {
		a := &accounts{runAs: "ana", home: home}
		if _, got, err := a.of(""); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", home, got, err, want)
		}
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
