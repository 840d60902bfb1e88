package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/units"
)

const userSetLong = `Set a user's limits and their account on hosts. What is not given stays as it is;
"none" takes a limit away. A new limit of devices also binds jobs that wait
already, within seconds; what runs goes on. A user at their limit waits with that
reason and keeps nobody else from running.`

// userFields are what can be set of a user; "none" becomes null.
var userFields = []struct {
	field, flag, usage string
	read               func(text string) (any, error)
}{
	{"max_devices", "max-devices", "how many devices they may hold at once, over all hosts", wholeNumber},
	{"max_queued", "max-queued", "how many jobs of theirs may wait", wholeNumber},
	{"max_timeout", "max-timeout", "longest time limit of their jobs, as 2h or 7d", wholeSeconds},
	{"unix", "unix", "their account on hosts, for agents with --run-as submitter", asText},
}

func newUserSet(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "set NAME",
		Short:   "Set a user's limits (for admins)",
		Long:    userSetLong,
		Example: "  mlq user set ana --max-devices 4 --max-queued 500 --max-timeout 12h\n  mlq user set ana --max-devices none",
		Args:    oneName("one user's name"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	values := make([]*string, len(userFields))
	for i, f := range userFields {
		values[i] = cmd.Flags().String(f.flag, "", f.usage+"; none: no limit")
	}
	cmd.Flags().Lookup("unix").Usage = userFields[3].usage + "; none: they have none"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change, err := userChange(cmd, values)
		if err != nil {
			return err
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		var user api.User
		if err := r.send(cmd.Context(), http.MethodPatch, userPath(args[0]), nil, change, &user); err != nil {
			return hintUnknownUser(err, args[0])
		}
		if *output == "json" {
			return printJSON(io.out, user)
		}
		return describeUser(io.out, &user, time.Now())
	}
	return cmd
}

// userChange turns the flags that were given into the body of the request.
func userChange(cmd *cobra.Command, values []*string) (map[string]any, error) {
	change := map[string]any{}
	for i, f := range userFields {
		switch {
		case !cmd.Flags().Changed(f.flag):
		case *values[i] == "none":
			change[f.field] = nil
		default:
			value, err := f.read(*values[i])
			if err != nil {
				return nil, usage("--%s %s: %w", f.flag, *values[i], err)
			}
			change[f.field] = value
		}
	}
	if len(change) == 0 {
		return nil, usage("nothing to set").with("for example: mlq user set NAME --max-devices 4")
	}
	return change, nil
}

func wholeNumber(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, wantError("a whole number of 1 or more, or none")
	}
	return n, nil
}

func wholeSeconds(text string) (any, error) {
	if _, err := readLimit(text); err != nil {
		return nil, err
	}
	return text, nil
}

// readLimit reads a limit of time: whole seconds, because records keep no less.
func readLimit(text string) (time.Duration, error) {
	d, err := units.ParseDuration(text)
	if err != nil || d < time.Second || d%time.Second != 0 {
		return 0, wantError(`whole seconds, as 90s, 2h or 7d, or none`)
	}
	return d, nil
}

func asText(text string) (any, error) {
	if text == "" {
		return nil, wantError("an account's name, or none")
	}
	return text, nil
}

// wantError says what a value should have been.
type wantError string

// Error implements error.
func (e wantError) Error() string { return "want " + string(e) }

func hintUnknownUser(err error, name string) error {
	if has(err, api.CodeNotFound) {
		return failed("%w: %s", err, name).with("mlq user list shows them; mlq token create --user %s makes one", name)
	}
	return err
}
