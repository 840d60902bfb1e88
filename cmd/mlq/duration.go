package main

import (
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/mlq-dev/mlq/internal/units"
)

// duration is a flag's value in the words of a job's fields: "90s", "2h", "7d".
type duration time.Duration

// Set implements pflag.Value.
func (d *duration) Set(text string) error {
	parsed, err := units.ParseDuration(text)
	*d = duration(parsed)
	return err
}

// String implements pflag.Value.
func (d *duration) String() string {
	const day = 24 * time.Hour
	if t := time.Duration(*d); t == 0 || t%day != 0 {
		return t.String()
	}
	return humanDays(time.Duration(*d))
}

// Type implements pflag.Value.
func (d *duration) Type() string { return "duration" }

// durationFlag defines a flag for a duration.
func durationFlag(flags *pflag.FlagSet, name string, value time.Duration, usage string) *time.Duration {
	d := duration(value)
	flags.Var(&d, name, usage)
	return (*time.Duration)(&d)
}

func humanDays(t time.Duration) string {
	return strconv.FormatInt(int64(t/(24*time.Hour)), 10) + "d"
}
