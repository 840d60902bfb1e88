package submission

import (
	"slices"
	"strings"
)

// Variables that a job must not set: they would change what the runner loads
// before the job's own code runs, or contradict what the agent promises.
var (
	reservedNames    = []string{"PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
	reservedPrefixes = []string{"LD_", "PYTHON", "NVIDIA_", "MLQ_"}
)

// ReservedEnv reports whether a job may not set this variable.
func ReservedEnv(name string) bool {
	if slices.Contains(reservedNames, name) {
		return true
	}
	return slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

func readEnvVars(p *Parsed, raw []byte) error {
	vars, err := readMap(raw, "want an object of texts", MaxEnvVars)
	if err != nil {
		return err
	}
	for name, value := range vars {
		if err := checkEnv(name, value); err != nil {
			return below(at(name), err)
		}
	}
	p.Request.EnvVars = vars
	return nil
}

func checkEnv(name, value string) error {
	if err := checkVariable(name); err != nil {
		return err
	}
	if strings.ContainsRune(value, 0) {
		return invalid("a value may not contain a NUL")
	}
	return nil
}

// checkVariable refuses what a job may not set.
func checkVariable(name string) error {
	if !envName(name) {
		return invalid("want a variable name of letters, digits and _")
	}
	if ReservedEnv(name) {
		return &Error{Code: CodeReservedEnv, Detail: "this variable belongs to the system (LD_*, PATH, PYTHON*, CUDA_VISIBLE_DEVICES, NVIDIA_*, MLQ_*)"}
	}
	return nil
}

func envName(s string) bool {
	if s == "" || len(s) > MaxText || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
