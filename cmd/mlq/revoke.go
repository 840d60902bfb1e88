package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
)

func newRevoke(io streams) *cobra.Command {
	var then, reason string
	cmd := &cobra.Command{
		Use:   "revoke JOB",
		Short: "Take a job's devices away from it",
		Long: `Take a job's devices away from it: the job is stopped, with its grace, and is then
cancelled or, with its id, put back into the queue. Its user is told who did it and why.`,
		Example: `  mlq lease revoke 53 --reason "maintenance at noon" --then requeue`,
		Args:    exactly(1, "one job id"),
	}
	server := bindServer(cmd)
	cmd.Flags().StringVar(&then, "then", "cancel", "what becomes of the job: cancel or requeue")
	cmd.Flags().StringVar(&reason, "reason", "", "told to the user; needed")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := readID(args[0])
		if err != nil {
			return err
		}
		if err := checkThen(then); err != nil {
			return err
		}
		if strings.TrimSpace(reason) == "" {
			return usage("--reason is missing").with("say why; the job's user is told")
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		var done api.Revoked
		query := url.Values{"then": {then}, "reason": {reason}}
		if err := r.send(cmd.Context(), http.MethodDelete, "/leases/"+idText(id), query, nil, &done); err != nil {
			return err
		}
		_, err = fmt.Fprintln(io.out, revokedInWords(&done))
		return err
	}
	return cmd
}

func checkThen(then string) error {
	if then != "cancel" && then != "requeue" {
		return usage("--then %s: want cancel or requeue", then)
	}
	return nil
}

func revokedInWords(r *api.Revoked) string {
	if r.Already {
		return fmt.Sprintf("job %d had been told to stop, by %s", r.Job, harmless(r.By))
	}
	text := fmt.Sprintf("the lease of job %d is revoked: it is told to stop", r.Job)
	if r.Then == "requeue" {
		text += ", and waits again then"
	}
	return text + "; " + harmless(r.User) + " is told why"
}
