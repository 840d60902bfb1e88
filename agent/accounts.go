package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/agent/slot"
)

// How jobs run, beside the name of an account.
const (
	RunAsSelf      = "self"      // as the agent's own user
	RunAsSubmitter = "submitter" // as the unix account in the submitter's record
)

// accounts says as whom a job runs.
type accounts struct {
	runAs string
	fixed *slot.Account // of --run-as USER
	home  string        // of fixed

	mu     sync.Mutex
	listed []string // of a host that runs jobs as their submitters
	at     time.Time
}

// listFor is how long a list of the accounts is good: one that was made, or
// taken away, is noticed after that.
const listFor = 30 * time.Second

// newAccounts checks --run-as. "" is self.
func newAccounts(runAs string) (*accounts, error) {
	if runAs == "" {
		runAs = RunAsSelf
	}
	a := &accounts{runAs: runAs}
	if runAs == RunAsSelf {
		return a, nil
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("run-as %s: only an agent of root can run jobs as somebody else; use self, or start it as root", runAs)
	}
	if runAs == RunAsSubmitter {
		return a, nil
	}
	var err error
	a.fixed, a.home, err = lookup(runAs)
	return a, err
}

// of gives the account for a job of a user with this unix name, nil for the
// agent's own, and its home, "" for the job's folder.
func (a *accounts) of(unixName string) (*slot.Account, string, error) {
	switch a.runAs {
	case RunAsSelf:
		return nil, os.Getenv("HOME"), nil
	case RunAsSubmitter:
		if unixName == "" {
			return nil, "", fmt.Errorf("the submitter has no unix account on record")
		}
		return lookup(unixName)
	}
	return a.fixed, a.home, nil
}

// lookup finds an account. Root is refused: no job runs as root but one of an
// agent that runs all of them as itself.
func lookup(name string) (*slot.Account, string, error) {
	u, names, err := findAccount(name)
	if err != nil {
		return nil, "", err
	}
	uid, err := id32(u.Uid)
	if err != nil {
		return nil, "", err
	}
	gid, err := id32(u.Gid)
	if err != nil {
		return nil, "", err
	}
	if uid == 0 {
		return nil, "", fmt.Errorf("jobs do not run as %s, which is root", name)
	}
	account := &slot.Account{Name: name, UID: uid, GID: gid}
	for _, n := range names {
		g, err := id32(n)
		if err != nil {
			return nil, "", err
		}
		account.Groups = append(account.Groups, g)
	}
	return account, u.HomeDir, nil
}

// findAccount gives an account and its groups: from the system's files or, where
// they do not know it, from the directory that getent asks (LDAP and the like),
// which a binary without a C library cannot ask by itself.
func findAccount(name string) (*user.User, []string, error) {
	u, err := user.Lookup(name)
	if err == nil {
		groups, err := u.GroupIds()
		if err != nil {
			return nil, nil, fmt.Errorf("groups of %s: %w", name, err)
		}
		return u, groups, nil
	}
	line, err := ask(directoryPatience, "getent", "passwd", "--", name)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil, fmt.Errorf("unix account %q: %w", name, err)
	}
	fields := strings.Split(strings.TrimSpace(string(line)), ":")
	if err != nil || len(fields) != 7 || fields[0] != name { // a number is looked up as a user's id
		return nil, nil, fmt.Errorf("no unix account %q on this host", name)
	}
	groups, err := ask(directoryPatience, "id", "-G", "--", name)
	if err != nil {
		return nil, nil, fmt.Errorf("groups of %s: %w", name, err)
	}
	return &user.User{Username: name, Uid: fields[2], Gid: fields[3], HomeDir: fields[5]}, strings.Fields(string(groups)), nil
}

// directoryPatience is how long a directory service may take: whoever claims
// jobs waits for it, and so does the end of the agent.
const directoryPatience = 10 * time.Second

// ask runs a program that answers on its standard output. It is killed, and the
// error a context.DeadlineExceeded, when it takes too long.
func ask(patience time.Duration, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second // for what it started, if that keeps its output open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s does not answer: %w", program, ctx.Err())
	}
	return out, err
}

func id32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("account number %q: %w", s, err)
	}
	return uint32(n), nil
}

// list names the accounts that jobs may run as, for the inventory; nil: any
// user's jobs run here.
func (a *accounts) list() []string {
	if a.runAs != RunAsSubmitter {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listed == nil || time.Since(a.at) > listFor {
		a.listed, a.at = readAccounts(), time.Now()
	}
	return a.listed
}

func readAccounts() []string {
	out, err := ask(directoryPatience, "getent", "passwd")
	if err != nil {
		if out, err = os.ReadFile("/etc/passwd"); err != nil {
			return []string{}
		}
	}
	return parsePasswd(string(out))
}

// parsePasswd picks the accounts of people: those from 1000 on, less nobody.
func parsePasswd(text string) []string {
	names := []string{}
	for line := range strings.Lines(text) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 || fields[0] == "nobody" {
			continue
		}
		if uid, err := strconv.Atoi(fields[2]); err == nil && uid >= 1000 {
			names = append(names, fields[0])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mayEnter reports whether a job of the user with this unix name may use the
// folder as its working directory.
func (a *accounts) mayEnter(path, unixName string) bool {
	account, _, err := a.of(unixName)
	if err != nil {
		return false
	}
	return blocked(path, account) == nil
}

// reach says why jobs of other users could not get to their folders in dir.
func (a *accounts) reach(dir string) error {
	if a.runAs == RunAsSelf {
		return nil
	}
	as := a.fixed
	if as == nil {
		as = &slot.Account{Name: "a submitter", UID: nobody, GID: nobody}
	}
	if err := blocked(dir, as); err != nil {
		return fmt.Errorf("run-as %s: jobs could not reach their folders: %w; let them pass (chmod a+x), or put the data folder elsewhere with --data DIR", a.runAs, err)
	}
	return nil
}

// blocked says what keeps an account from entering a folder, nil for the agent's
// own: each folder on the way must let it pass.
func blocked(path string, account *slot.Account) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", path)
	}
	if account == nil {
		return unix.Access(real, unix.X_OK)
	}
	for dir := real; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !allows(info, account) {
			return fmt.Errorf("%s may not enter %s", account.Name, dir)
		}
		if dir == "/" {
			return nil
		}
	}
}

// allows compares the mode bits of one folder with the account.
func allows(info os.FileInfo, account *slot.Account) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	mode := info.Mode().Perm()
	switch {
	case st.Uid == account.UID:
		return mode&0o100 != 0
	case st.Gid == account.GID || slices.Contains(account.Groups, st.Gid):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
