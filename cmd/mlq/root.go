package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups of the help page.
const (
	groupRun   = "run"
	groupJobs  = "jobs"
	groupAdmin = "admin"
)

// newRoot builds the tree of commands.
func newRoot(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "mlq",
		Short: "Share a few GPUs, one job at a time per GPU",
		Long: `MLQ queues Python functions and programs, and runs each on a free GPU of a
shared host: one job at a time per GPU, each result once.

Start with "mlq dev" on one machine; then "mlq submit", "mlq run" and "mlq jobs".
Which server and with which token is said by flags, variables or the file
~/.config/mlq/config.toml (url, token_file, tls_fingerprint), in this order.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := readEnvFile(cmd); err != nil {
				return err
			}
			if err := refuseShownPassword(cmd); err != nil {
				return err
			}
			return readVariables(cmd)
		},
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetFlagErrorFunc(wrongFlag)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Processes:"},
		&cobra.Group{ID: groupJobs, Title: "Jobs:"},
		&cobra.Group{ID: groupAdmin, Title: "Devices and administration:"},
	)
	add(root, io, groupRun, newDev, newServe, newAgent)
	add(root, io, groupJobs, newSubmit, newPost, newRun, newHold, newConsumer, newJobs, newJob, newResult, newLink, newFiles, newLogs, newCancel, newRequeue, newPurge, newWhy, newSecret)
	add(root, io, groupAdmin, newQueue, newGPUs, newGPU, newHosts, newHost, newLease, newDrain, newToken, newAudit)
	add(root, io, groupAdmin, newBackup, newRestore, newClear, newSigner)
	add(root, io, groupAdmin, newUser, newUsers, newUsage)
	add(root, io, "", newLogin, newLogout, newWhoami, newVersion, newSlot, newNVMLProbe)
	root.SetHelpCommand(newHelp(root))
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	completeFlags(root)
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		strictly(completion)
	}
	return root
}

func add(root *cobra.Command, io streams, group string, commands ...func(streams) *cobra.Command) {
	for _, build := range commands {
		cmd := build(io)
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// unknownCommand is reached with no command, or one that does not exist.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	e := usage("unknown command %q", args[0])
	if near := nearest(args[0], commandNames(cmd)); near != "" {
		return e.with("did you mean %q?", near)
	}
	return e.with("see %s --help", cmd.CommandPath())
}

func commandNames(cmd *cobra.Command) (names []string) {
	for _, child := range cmd.Commands() {
		names = append(names, child.Name())
	}
	return names
}

// wrongFlag turns what the flag parser says into one line of ours.
func wrongFlag(cmd *cobra.Command, err error) error {
	e := usage("%w", plainly(err))
	given := strings.TrimPrefix(err.Error(), "unknown flag: --")
	if given == err.Error() {
		return e.with("see %s --help", cmd.CommandPath())
	}
	if near := nearest(given, flagNames(cmd)); near != "" {
		return e.with("did you mean --%s?", near)
	}
	return e.with("see %s --help", cmd.CommandPath())
}

// orNegative is wrongFlag for a command whose argument is a size or a time: one
// below zero is read as a flag, and is told what it must be.
func orNegative(wrong func(given string) error) func(*cobra.Command, error) error {
	return func(cmd *cobra.Command, err error) error {
		if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
			if given := e.GetSpecifiedShortnames(); given != "" && '0' <= given[0] && given[0] <= '9' {
				return wrong("-" + given)
			}
		}
		return wrongFlag(cmd, err)
	}
}

// plainly says of a value that is no number, or neither yes nor no, what is
// wanted, instead of which function could not read it.
func plainly(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	if _, ok := errors.AsType[*strconv.NumError](invalid.Unwrap()); !ok {
		return fmt.Errorf("--%s %s: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	want := "a whole number"
	if invalid.GetFlag().Value.Type() == "bool" {
		want = "true or false"
	}
	return fmt.Errorf("--%s %s: want %s", invalid.GetFlag().Name, invalid.GetValue(), want)
}

// newHelp is the command that shows another one's help page. Unlike cobra's it
// refuses one that does not exist.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help page of a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args)
			}
			return cmd.Help()
		},
	}
}

// strictly makes a command that cobra adds itself refuse what it does not know.
func strictly(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		cmd.Args, cmd.RunE = cobra.ArbitraryArgs, unknownCommand
	} else {
		cmd.Args = none()
	}
	for _, child := range cmd.Commands() {
		strictly(child)
	}
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// exactly, atLeast and none say what arguments a command takes.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usage("%s takes %s, got %d arguments", cmd.CommandPath(), what, len(args)).with("see %s --help", cmd.CommandPath())
	}
}

func none() cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return usage("%s takes no argument, got %q", cmd.CommandPath(), args[0]).with("see %s --help", cmd.CommandPath())
	}
}
