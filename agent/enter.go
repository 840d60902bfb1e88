package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mlq-dev/mlq/agent/slot"
)

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
