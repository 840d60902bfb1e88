package scheduler

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// ChooseEnvironment gives the Python environment of the offer in which a job
// of this class runs, or why there is none, in words.
func ChooseEnvironment(class string, o Offer) (Environment, string) {
	n, err := ParseNeed(class)
	if err != nil {
		return Environment{}, err.Error()
	}
	return chooseEnvironment(n, &o)
}

// chooseEnvironment takes the one that was asked for; where none was, the one
// named default if the call can run in it, else the first that can.
func chooseEnvironment(n Need, o *Offer) (Environment, string) {
	if ownEnvironment(n, o) {
		return Environment{Name: n.Python, Path: n.Python}, ""
	}
	var found *Environment
	for i := range o.Environments {
		e := &o.Environments[i]
		usable := isEnvironment(n.Python, e) && e.Problem == "" && !isOtherPython(n.Call, e)
		if usable && (found == nil || e.Name == "default") {
			found = e
		}
	}
	if found == nil {
		return Environment{}, noEnvironment(n, o)
	}
	return *found, ""
}

// noEnvironment says why none can run the job: what is broken of one that
// could, else which Pythons there are. That those are broken too is no matter.
func noEnvironment(n Need, o *Offer) string {
	var others []string
	for i := range o.Environments {
		e := &o.Environments[i]
		switch {
		case !isEnvironment(n.Python, e):
		case isOtherPython(n.Call, e):
			others = append(others, pythonInWords(e))
		default:
			return fmt.Sprintf("%s: environment %s: %s", o.Host, e.Name, e.Problem)
		}
	}
	switch {
	case len(others) > 0:
		return fmt.Sprintf("%s: environment %s, the call needs %s", o.Host, strings.Join(others, ", "), n.Call)
	case n.Python != "":
		return fmt.Sprintf("%s offers no Python %q", o.Host, n.Python)
	}
	return o.Host + " offers no Python environment"
}

// isOtherPython: a call is a pickle, which another version cannot load.
func isOtherPython(call string, e *Environment) bool { return call != "" && call != minor(e.Version) }

func pythonInWords(e *Environment) string {
	if e.Version == "" { // of a broken one nobody knows it
		return fmt.Sprintf("%s (%s)", e.Name, e.Problem)
	}
	return e.Name + " is Python " + minor(e.Version)
}

// ownEnvironment: an absolute path that the agent does not offer is the
// submitter's own environment, where jobs run as their submitter.
func ownEnvironment(n Need, o *Offer) bool {
	if !path.IsAbs(n.Python) || o.Accounts == nil {
		return false
	}
	return !slices.ContainsFunc(o.Environments, func(e Environment) bool { return e.Path == n.Python })
}

func isEnvironment(want string, e *Environment) bool {
	switch want {
	case "", e.Name, e.Path, e.Version, minor(e.Version):
		return true
	}
	return false
}
