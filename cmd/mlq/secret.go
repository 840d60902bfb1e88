package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

const secretLong = `Keep secrets, as tokens of other services, for your jobs: a job that was submitted
with --secret NAME finds it in its environment, and nobody else gets it. Nothing
shows a secret again; set it anew where it was lost.`

func newSecret(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Keep secrets for your jobs",
		Long:  secretLong,
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(newSecretSet(io), newSecretList(io), newSecretRemove(io))
	return cmd
}

func newSecretSet(io streams) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Keep a secret, or a new value of one",
		Long: `Keep a secret, or a new value of one. The value is asked for in a terminal, else
read from standard input, without the line break at its end. Jobs that wait get
the value of the moment at which they start.`,
		Example: `  mlq secret set HF_TOKEN
  mlq secret set HF_TOKEN --from-file ~/.cache/huggingface/token
  mlq run --secret HF_TOKEN -- python train.py`,
		Args: newSecretName,
	}
	server := bindServer(cmd)
	cmd.Flags().StringVar(&file, "from-file", "", "file with the value")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		value, err := readSecret(cmd.Context(), io, file, args[0])
		if err != nil {
			return err
		}
		if err := r.send(cmd.Context(), http.MethodPut, "/secrets/"+url.PathEscape(args[0]), nil, map[string]string{"value": value}, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "secret %s set\n", args[0])
		return err
	}
	return cmd
}

func newSecretList(io streams) *cobra.Command {
	return listing[api.Secret]{
		use: "list", short: "List your secrets, without their values",
		path: "/secrets", member: "secrets", table: secretsTable,
	}.command(io)
}

func secretsTable(secrets []api.Secret, now time.Time) *table {
	t := &table{head: []string{"NAME", "SET"}, empty: "no secrets"}
	for _, s := range secrets {
		since := ago(s.Set, now)
		if s.Damaged {
			since = "damaged in the store: set it again"
		}
		t.row(s.Name, since)
	}
	return t
}

func newSecretRemove(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Forget a secret; jobs that wait with it will fail",
		Args:  secretName,
	}
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		if err := r.send(cmd.Context(), http.MethodDelete, "/secrets/"+url.PathEscape(args[0]), nil, nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "secret %s removed\n", args[0])
		return err
	}
	return cmd
}
