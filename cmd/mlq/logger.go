package main

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// logFlags say what a daemon writes about itself, and how.
type logFlags struct {
	level  level
	format string
}

// level is a zerolog level as a flag's value.
type level zerolog.Level

// Set implements pflag.Value.
func (l *level) Set(text string) error {
	parsed, err := zerolog.ParseLevel(text)
	if err != nil || text == "" {
		return fmt.Errorf("want debug, info, warn or error")
	}
	*l = level(parsed)
	return nil
}

// String implements pflag.Value.
func (l *level) String() string { return zerolog.Level(*l).String() }

// Type implements pflag.Value.
func (l *level) Type() string { return "level" }

func bindLog(cmd *cobra.Command, usual zerolog.Level, lines string) *logFlags {
	l := logFlags{level: level(usual), format: lines}
	f := cmd.Flags()
	f.Var(&l.level, "log-level", "debug, info, warn or error")
	f.StringVar(&l.format, "log-format", lines, `"text" for people or "json" for programs`)
	variable(f, "log-level", "MLQ_LOG_LEVEL")
	variable(f, "log-format", "MLQ_LOG_FORMAT")
	return &l
}

func (l *logFlags) logger(w io.Writer) (zerolog.Logger, error) {
	switch l.format {
	case "json":
	case "text":
		w = zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.TimeOnly}
	default:
		return zerolog.Nop(), misconfigured("--log-format %s: want text or json", l.format)
	}
	return zerolog.New(w).Level(zerolog.Level(l.level)).With().Timestamp().Logger(), nil
}
