package scheduler

import (
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of requests.
const (
	maxName     = 200 // characters
	maxUser     = 100 // bytes
	maxGPUs     = 64
	maxRetries  = 100
	maxAfter    = 100
	maxLabels   = 32
	maxEnvVars  = 256
	maxSecrets  = 32
	maxKeyChars = 255
	maxDuration = 10 * 365 * 24 * time.Hour
)

// validate checks a request for who submits it; the first wrong field is a FieldError.
func (r *Request) validate(who Who) error {
	for _, check := range []func(Who) error{
		r.checkNeed, r.checkText, r.checkPriority, r.checkTimes, r.checkCounts,
	} {
		if err := check(who); err != nil {
			return err
		}
	}
	return nil
}

func (r *Request) checkNeed(who Who) error {
	switch {
	case r.GPUs != nil && (*r.GPUs < 0 || *r.GPUs > maxGPUs):
		return &FieldError{"gpus", fmt.Sprintf("%d is not between 0 and %d", *r.GPUs, maxGPUs)}
	case r.GPUMem < 0:
		return &FieldError{"gpu_mem", "is negative"}
	case r.MinCC < 0 || r.MinCC > 999:
		return &FieldError{"min_cc", fmt.Sprintf("%d is not between 0 and 999", r.MinCC)}
	case r.GPUs != nil && *r.GPUs == 0 && (r.GPUMem > 0 || r.GPUType != "" || r.MinCC > 0):
		return &FieldError{"gpus", "is 0, so gpu_mem, gpu_type and min_cc have nothing to apply to"}
	case who.MaxDevices > 0 && r.Need("").Slots() > who.MaxDevices:
		return &FieldError{"gpus", fmt.Sprintf("%d asked for, and %s may hold at most %d at once", r.Need("").Slots(), who.User, who.MaxDevices)}
	case r.WorkDir != "" && (!path.IsAbs(r.WorkDir) || path.Clean(r.WorkDir) != r.WorkDir):
		return &FieldError{"workdir", "is not a clean absolute path"}
	case len(r.Labels) > maxLabels:
		return &FieldError{"labels", fmt.Sprintf("has more than %d", maxLabels)}
	case len(r.Class("")) > maxClassBytes:
		return &FieldError{"labels", "what this job needs is too long to say"}
	}
	return nil
}

func (r *Request) checkText(Who) error {
	for _, f := range []struct{ name, text string }{
		{"gpu_type", r.GPUType}, {"host", r.Host}, {"key", r.Key}, {"name", r.Name}, {"python", r.Python}, {"workdir", r.WorkDir},
	} {
		if !plainText(f.text) {
			return &FieldError{f.name, "has control characters or is not UTF-8"}
		}
	}
	switch {
	case utf8.RuneCountInString(r.Name) > maxName:
		return &FieldError{"name", fmt.Sprintf("has more than %d characters", maxName)}
	case len(r.Key) > maxKeyChars:
		return &FieldError{"key", fmt.Sprintf("has more than %d bytes", maxKeyChars)}
	case r.OnPartition != "" && r.OnPartition != "kill" && r.OnPartition != "keep":
		return &FieldError{"on_partition", fmt.Sprintf("%q is neither \"kill\" nor \"keep\"", r.OnPartition)}
	}
	return nil
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// checkPriority: users may only stand back; admins may also push ahead.
func (r *Request) checkPriority(who Who) error {
	top := 0
	if who.Admin {
		top = 10
	}
	if r.Priority < -10 || r.Priority > top {
		return &FieldError{"priority", fmt.Sprintf("%d is not between -10 and %d", r.Priority, top)}
	}
	return nil
}

func (r *Request) checkTimes(who Who) error {
	var grace time.Duration
	if r.Grace != nil {
		grace = *r.Grace
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"grace", grace}, {"queue_timeout", r.QueueTimeout}, {"result_ttl", r.ResultTTL}, {"timeout", r.Timeout}} {
		if f.d < 0 || f.d > maxDuration {
			return &FieldError{f.name, fmt.Sprintf("%s is not between 0 and ten years", f.d)}
		}
	}
	if err := who.checkResultTTL(r.ResultTTL); err != nil {
		return err
	}
	return who.CheckTimeout(r)
}

func (r *Request) checkCounts(Who) error {
	switch {
	case r.Retries < 0 || r.Retries > maxRetries:
		return &FieldError{"retries", fmt.Sprintf("%d is not between 0 and %d", r.Retries, maxRetries)}
	case len(r.After) > maxAfter:
		return &FieldError{"after", fmt.Sprintf("names more than %d jobs", maxAfter)}
	case len(r.EnvVars) > maxEnvVars:
		return &FieldError{"env_vars", fmt.Sprintf("has more than %d", maxEnvVars)}
	case len(r.Secrets) > maxSecrets:
		return &FieldError{"secrets", fmt.Sprintf("has more than %d", maxSecrets)}
	}
	return nil
}

// checkWho: a user's name is part of keys and of the members of indexes.
func checkWho(who Who) error {
	if who.User == "" || len(who.User) > maxUser || !plainText(who.User) || !plainText(who.Unix) {
		return &FieldError{"user", fmt.Sprintf("%q is not a user's name of 1 to %d bytes", who.User, maxUser)}
	}
	return nil
}
