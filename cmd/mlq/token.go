package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/token"
)

func newToken(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke tokens (for admins)",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(newTokenCreate(io), newTokenList(io), newTokenRevoke(io))
	return cmd
}

func newTokenCreate(io streams) *cobra.Command {
	var user, role, unix, expires string
	cmd := &cobra.Command{
		Use:   "create --user NAME",
		Short: "Make a token and print it, this once",
		Example: `  mlq token create --user ana --unix ana --expires 90d
  mlq token create --user gpu1 --role agent > /etc/mlq/agent.token`,
		Args: none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&user, "user", "", "whom it belongs to")
	f.StringVar(&role, "role", "user", "user, agent, admin, metrics or server")
	f.StringVar(&unix, "unix", "", "the user's account on hosts, for agents with --run-as submitter")
	f.StringVar(&expires, "expires", "", "how long it is good, as 90d (default: until revoked)")
	namesInFlags(cmd, "user", "unix")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if user == "" {
			return usage("--user is missing: whom does the token belong to?").with("mlq token create --user NAME")
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		wanted := map[string]string{"user": user, "role": role}
		for field, value := range map[string]string{"unix": unix, "expires": expires} {
			if value != "" {
				wanted[field] = value
			}
		}
		var made api.Token
		if err := r.send(cmd.Context(), http.MethodPost, "/tokens", nil, wanted, &made); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(io.out, made)
		}
		if _, err = fmt.Fprintln(io.out, made.Text); err != nil || made.Role != auth.RoleUser && made.Role != auth.RoleAdmin {
			return err
		}
		return sayLogin(cmd.Context(), io, r)
	}
	return cmd
}

// sayLogin says what the user does with the token, beside it: standard output
// is the token alone.
func sayLogin(ctx context.Context, io streams, r *remote) error {
	me, _, err := r.whoami(ctx)
	if err != nil {
		return err
	}
	at := r.addressOf(me.URL)
	if warning := at.warning(); warning != "" {
		fmt.Fprintln(io.err, "note:", warning)
	}
	_, err = fmt.Fprintf(io.err, "its user logs in with it: mlq login %s%s\n", at.url, at.flag())
	return err
}

func newTokenList(io streams) *cobra.Command {
	return listing[api.Token]{
		use: "list", short: "List tokens, without their secrets",
		path: "/tokens", member: "tokens", table: tokensTable,
	}.command(io)
}

func tokensTable(tokens []api.Token, now time.Time) *table {
	t := &table{head: []string{"ID", "USER", "ROLE", "AGE", "EXPIRES IN"}, empty: "no tokens"}
	for _, k := range tokens {
		t.row(k.ID, k.User, string(k.Role), ago(k.Created, now), in(k.Expires, now))
	}
	return t
}

func newTokenRevoke(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Make a token worthless; mlq token list shows the ids",
		Long:  "Make a token worthless, by its id, which mlq token list shows. Of a whole token the id alone is sent.",
		Args:  exactly(1, "one token id"),
	}
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		id := args[0]
		if of, whole := token.Parse(id); whole { // what is secret of it stays here
			id = of
		} else if likeToken(id) {
			return usage("this is no id and no whole token, and may be secret: it was sent nowhere").with("mlq token list shows the ids")
		}
		if err := r.send(cmd.Context(), http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "token %s revoked\n", id)
		return err
	}
	return cmd
}
