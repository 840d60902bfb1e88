package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variableOf is the annotation of a flag that a variable can set too.
const variableOf = "mlq_variable"

// otherVariables are those that are not a flag's: the token itself, what a
// running job finds, and what the test suites use.
var otherVariables = []string{
	"MLQ_TOKEN",
	"MLQ_JOB_ID", "MLQ_JOB_DIR", "MLQ_ATTEMPT", "MLQ_FENCE_TOKEN",
	"MLQ_NO_SKIP", "MLQ_TEST_PYTHON",
}

// variable lets the environment give a flag's value where the command line
// does not.
func variable(flags *pflag.FlagSet, flag, name string) {
	f := flags.Lookup(flag)
	f.Usage += " (" + name + ")"
	f.Annotations = map[string][]string{variableOf: {name}}
}

// readVariables sets the flags of a command from their variables.
func readVariables(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := f.Annotations[variableOf]
		if wrong != nil || f.Changed || name == nil {
			return
		}
		value := os.Getenv(name[0])
		if value == "" {
			return
		}
		if err := setFlag(cmd.Flags(), f, value); err != nil {
			wrong = misconfigured("variable %s=%s: %w", name[0], value, unwrapped(err))
		}
	})
	return wrong
}

// setFlag sets a flag; a list is separated by commas.
func setFlag(flags *pflag.FlagSet, f *pflag.Flag, value string) error {
	values := []string{value}
	if _, list := f.Value.(pflag.SliceValue); list {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		if err := flags.Set(f.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// unwrapped takes the flag's name off an error: the variable's stands there already.
func unwrapped(err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalid.Unwrap()
	}
	return err
}

// refuseUnknownVariables ends a daemon that would quietly ignore a mistyped setting.
func refuseUnknownVariables(cmd *cobra.Command) error {
	known := slices.Concat(otherVariables, variablesIn(cmd.Root()))
	for _, setting := range os.Environ() {
		name, value, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "MLQ_") || value == "" || slices.Contains(known, name) {
			continue
		}
		e := misconfigured("unknown variable %s", name)
		if near := nearest(name, known); near != "" {
			return e.with("did you mean %s?", near)
		}
		return e.with("variables that begin with MLQ_ are settings; see docs/reference.md")
	}
	return nil
}

// variablesIn lists the variables of all commands: an env file may serve several.
func variablesIn(cmd *cobra.Command) (names []string) {
	collect := func(f *pflag.Flag) { names = append(names, f.Annotations[variableOf]...) }
	cmd.Flags().VisitAll(collect)
	for _, child := range cmd.Commands() {
		names = append(names, variablesIn(child)...)
	}
	return names
}
