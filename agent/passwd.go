package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/agent/slot"
)

// passwd is a line of the accounts' database (passwd(5)).
type passwd struct {
	name, home string
	uid, gid   uint32
}

// lookup finds an account that an admin named. Root is refused: no job runs as
// root but one of an agent that runs all of them as itself.
func lookup(name string) (*slot.Account, string, error) {
	p, err := findPasswd(name)
	if err != nil {
		return nil, "", err
	}
	if p.uid == 0 {
		if name != "root" {
			name += ", which is root"
		}
		return nil, "", fmt.Errorf("jobs do not run as %s", name)
	}
	groups, err := groupsOf(p)
	if err != nil {
		return nil, "", fmt.Errorf("groups of %s: %w", name, err)
	}
	return &slot.Account{Name: name, UID: p.uid, GID: p.gid, Groups: groups}, p.home, nil
}

// lookupSubmitter finds the account in a user's record. One that has expired is
// let in nowhere, and not by a queue either. A shell that lets nobody in is no
// refusal: hosts are closed to ssh so that their GPUs are used through a queue.
func lookupSubmitter(name string) (*slot.Account, string, error) {
	account, home, err := lookup(name)
	if err != nil {
		return nil, "", err
	}
	if on := expiry(name); !on.IsZero() && !time.Now().Before(on) {
		return nil, "", fmt.Errorf("the unix account %q has expired on %s", name, on.Format(time.DateOnly))
	}
	return account, home, nil
}

// findPasswd looks into the system's file or, where that does not know it, asks
// getent for the directory (LDAP and the like), which a binary without a C
// library cannot ask by itself.
func findPasswd(name string) (passwd, error) {
	unknown := fmt.Errorf("no unix account %q on this host", name)
	if name == "" || strings.ContainsAny(name, ":\n") {
		return passwd{}, unknown
	}
	line, err := entry("passwd", name)
	if errors.Is(err, errDirectory) {
		return passwd{}, fmt.Errorf("unix account %q: %w", name, err)
	}
	if err != nil {
		return passwd{}, unknown
	}
	return parseLine(line)
}

// parseLine reads NAME:PASSWORD:UID:GID:COMMENT:HOME:SHELL.
func parseLine(line string) (passwd, error) {
	fields := strings.Split(strings.TrimSpace(line), ":")
	if len(fields) != 7 {
		return passwd{}, fmt.Errorf("a line of accounts with %d fields", len(fields))
	}
	p := passwd{name: fields[0], home: fields[5]}
	var err error
	if p.uid, err = id32(fields[2]); err == nil {
		p.gid, err = id32(fields[3])
	}
	return p, err
}

// groupsOf asks id, which knows all that the host's directory gives an account
// (video and render among them); without it, the system's file.
func groupsOf(p passwd) ([]uint32, error) {
	out, err := ask(directoryPatience, "id", "-G", "--", p.name)
	words := strings.Fields(string(out))
	if errors.Is(err, exec.ErrNotFound) {
		words, err = groupsInFile(p)
	}
	if err != nil {
		return nil, err
	}
	groups := make([]uint32, len(words))
	for i, word := range words {
		if groups[i], err = id32(word); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// groupsInFile reads NAME:PASSWORD:GID:MEMBER,… (group(5)).
func groupsInFile(p passwd) ([]string, error) {
	text, err := os.ReadFile("/etc/group")
	if err != nil {
		return nil, err
	}
	gids := []string{strconv.FormatUint(uint64(p.gid), 10)}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 4 && slices.Contains(strings.Split(fields[3], ","), p.name) {
			gids = append(gids, fields[2])
		}
	}
	return gids, nil
}

// expiry is the day on which an account ends (shadow(5), in days since 1970);
// zero: never, or nobody tells.
func expiry(name string) time.Time {
	line, err := entry("shadow", name)
	fields := strings.Split(strings.TrimSpace(line), ":")
	if err != nil || len(fields) < 8 || fields[7] == "" {
		return time.Time{}
	}
	days, err := strconv.Atoi(fields[7])
	if err != nil || days < 0 {
		return time.Time{}
	}
	return time.Unix(0, 0).UTC().AddDate(0, 0, days)
}

func id32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("account number %q: %w", s, err)
	}
	return uint32(n), nil
}

// isPerson: accounts from 1000 on, less nobody, are people's.
func isPerson(name string, uid uint32) bool { return uid >= 1000 && name != "nobody" }

// listsAll are the sources of nsswitch.conf(5) that list all that they have; sss,
// ldap, winbind and others list nothing unless they are told to.
var listsAll = []string{"files", "compat", "systemd", "altfiles", "cache"}

// asksDirectory reports whether accounts come from a source that need not list them.
func asksDirectory(switched string) bool {
	for line := range strings.Lines(switched) {
		line, _, _ = strings.Cut(line, "#")
		database, sources, _ := strings.Cut(line, ":")
		if strings.TrimSpace(database) != "passwd" {
			continue
		}
		sources = reactions.ReplaceAllString(sources, " ")
		if slices.ContainsFunc(strings.Fields(sources), func(s string) bool { return !slices.Contains(listsAll, s) }) {
			return true
		}
	}
	return false
}

// reactions stand between sources, as [NOTFOUND=return].
var reactions = regexp.MustCompile(`\[[^]]*\]`)

// parsePasswd picks the accounts of people.
func parsePasswd(text string) []string {
	names := []string{}
	for line := range strings.Lines(text) {
		if p, err := parseLine(line); err == nil && isPerson(p.name, p.uid) {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
