package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/scheduler"
)

func newUser(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Show users, and set their limits",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(newUserSet(io), newUserList(io, "list"), newUserShow(io), newUserRemove(io))
	return cmd
}

func newUsers(io streams) *cobra.Command { return newUserList(io, "users") }

func newUserList(io streams, use string) *cobra.Command {
	return listing[api.User]{
		use: use, short: "List the users with their limits and what they hold",
		long: "List the users with their limits and what they hold. Who is no admin sees themselves.",
		path: "/users", member: "users", table: usersTable,
	}.command(io)
}

func usersTable(users []api.User, now time.Time) *table {
	t := &table{
		head:  []string{"USER", "ROLES", "ACCOUNT", "DEVICES", "OF", "WAITING", "OF", "MAX TIMEOUT", "AGE"},
		empty: "no users",
	}
	for i := range users {
		u := &users[i]
		roles := make([]string, len(u.Roles))
		for i, role := range u.Roles {
			roles[i] = string(role)
		}
		t.row(u.Name, strings.Join(roles, ","), u.Unix, number(u.Devices), limit(u.Limits.MaxDevices),
			number(u.Waiting), limit(u.Limits.MaxQueued), timeLimit(u.Limits.MaxTimeoutSeconds), ago(u.Created, now))
	}
	return t
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// limit is a limit for a column; "-": there is none.
func limit(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func timeLimit(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return scheduler.Words(time.Duration(seconds * float64(time.Second)))
}

func newUserShow(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show one user; who is no admin may ask for themselves",
		Args:  oneName("one user's name"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		var user api.User
		if err := r.get(cmd.Context(), userPath(args[0]), nil, &user); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(io.out, user)
		}
		return describeUser(io.out, &user, time.Now())
	}
	return cmd
}

func userPath(name string) string { return "/users/" + url.PathEscape(name) }

// describeUser tells a user's limits, whose they are, and how far they are used.
func describeUser(w io.Writer, u *api.User, now time.Time) error {
	t := &table{head: []string{"user", u.Name}}
	roles := make([]string, len(u.Roles))
	for i, role := range u.Roles {
		roles[i] = string(role)
	}
	t.row("roles", strings.Join(roles, ", "))
	t.row("account on hosts", u.Unix)
	t.row("devices held", of(u.Devices, u.Limits.MaxDevices, u.MaxDevices > 0))
	t.row("jobs waiting", of(u.Waiting, u.Limits.MaxQueued, u.MaxQueued > 0))
	t.row("longest time limit", whose(timeLimit(u.Limits.MaxTimeoutSeconds), u.MaxTimeoutSeconds > 0 && u.MaxTimeoutSeconds == u.Limits.MaxTimeoutSeconds))
	t.row("time limit where none is named", timeLimit(u.Limits.DefaultTimeoutSeconds))
	t.row("since", moment(u.Created, now))
	return t.print(w)
}

func of(n int64, limit int, own bool) string {
	if limit == 0 {
		return number(n) + ", no limit"
	}
	return number(n) + " of " + whose(strconv.Itoa(limit), own)
}

func whose(limit string, own bool) string {
	switch {
	case limit == "":
		return "none"
	case own:
		return limit + " (their own)"
	}
	return limit + " (the server's)"
}

func newUserRemove(io streams) *cobra.Command {
	var cancel bool
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a user and revoke their tokens (for admins)",
		Long: `Remove a user and revoke their tokens. While they have jobs that have not ended
that is refused; --cancel cancels these. Their ended jobs stay.`,
		Args: oneName("one user's name"),
	}
	server := bindServer(cmd)
	cmd.Flags().BoolVar(&cancel, "cancel", false, "cancel their jobs that have not ended")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		var query url.Values
		if cancel {
			query = url.Values{"cancel": {"true"}}
		}
		var done api.RemovedUser
		if err := r.send(cmd.Context(), http.MethodDelete, userPath(args[0]), query, nil, &done); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "user %s removed: %s revoked, %s cancelled\n",
			done.Name, count(done.Tokens, "token"), count(len(done.Cancelled), "job"))
		return err
	}
	return cmd
}
