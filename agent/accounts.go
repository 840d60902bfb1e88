package agent

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

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
	byName bool     // there may be more, which are found by name only
	at     time.Time
	known  map[string]known // by unix name
	silent time.Time        // when the directory did not answer, asked for who is not listed
}

// known is what was found of an account, and when.
type known struct {
	account *slot.Account
	home    string
	err     error
	at      time.Time
}

// listFor is how long is good what was found of accounts: one that was made,
// changed or taken away is noticed after that.
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

// CheckRunAs says what is wrong with a value of Options.RunAs here, before an agent
// is made.
func CheckRunAs(runAs string) error {
	_, err := newAccounts(runAs)
	return err
}

// of gives the account for a job of a user with this unix name, nil for the
// agent's own, and its home, "" for the job's folder.
func (a *accounts) of(unixName string) (*slot.Account, string, error) {
	switch a.runAs {
	case RunAsSelf:
		return nil, usable(os.Getenv("HOME")), nil
	case RunAsSubmitter:
		if unixName == "" {
			return nil, "", fmt.Errorf("the submitter has no unix account on record")
		}
		k := a.submitter(unixName)
		return k.account, usable(k.home), k.err
	}
	return a.fixed, usable(a.home), nil
}

// submitter looks an account up, or knows it from lately: a job's way in asks
// several times, and a directory takes a while.
func (a *accounts) submitter(unixName string) known {
	a.mu.Lock()
	k, ok := a.known[unixName]
	a.mu.Unlock()
	if ok && time.Since(k.at) <= listFor {
		return k
	}
	k = known{at: time.Now()}
	k.account, k.home, k.err = lookupSubmitter(unixName)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) > mostKnown {
		a.known = map[string]known{}
	}
	a.known[unixName] = k
	return k
}

// mostKnown bounds what is remembered of names that others chose.
const mostKnown = 10_000

// usable is a home that is there, "" for one that is not: a job that finds none
// has its own folder instead, and not one that each library fails to write in.
func usable(home string) string {
	if info, err := os.Stat(home); err == nil && info.IsDir() {
		return home
	}
	return ""
}

// has reports whether the host has this account, for people, though it is not
// listed. An error: nobody can tell now. It is asked for each user who waits, in the
// claim loop: a directory that does not answer costs one wait, and not one for each.
func (a *accounts) has(unixName string) (bool, error) {
	if a.isSilent(unixName) {
		return false, errDirectory
	}
	k := a.submitter(unixName)
	switch {
	case errors.Is(k.err, errDirectory):
		a.mu.Lock()
		a.silent = time.Now()
		a.mu.Unlock()
		return false, k.err
	case k.err != nil:
		return false, nil
	}
	return isPerson(k.account.Name, k.account.UID), nil
}

// isSilent: the directory did not answer lately, and of this account nothing is known.
func (a *accounts) isSilent(unixName string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.known[unixName]
	isKnown := ok && time.Since(k.at) <= listFor
	return !isKnown && time.Since(a.silent) <= listFor
}

// list names the accounts that jobs may run as, for the inventory; nil: any
// user's jobs run here. byName: there may be more, for who asks by name, because
// a directory does not list all that it has.
func (a *accounts) list() (listed []string, byName bool) {
	if a.runAs != RunAsSubmitter {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listed == nil || time.Since(a.at) > listFor {
		a.listed, a.at = readAccounts(), time.Now()
		switched, err := os.ReadFile("/etc/nsswitch.conf")
		a.byName = err == nil && asksDirectory(string(switched))
	}
	return a.listed, a.byName
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
