package agent

import (
	"errors"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// diskTakesNothing says in words that it was this host's disk which took nothing, "" if it was not.
func diskTakesNothing(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return "the host's disk is full"
	case errors.Is(err, unix.EROFS):
		return "the host's disk is mounted read-only"
	}
	return ""
}

// unrun is why a job is given back, for its user.
func unrun(err error) string {
	if words := diskTakesNothing(err); words != "" {
		return words + ": " + err.Error()
	}
	return err.Error()
}

// unrunLevel: of a disk somebody has to hear, for it is so for each job.
func unrunLevel(err error) zerolog.Level {
	if diskTakesNothing(err) != "" {
		return zerolog.ErrorLevel
	}
	return zerolog.InfoLevel
}
