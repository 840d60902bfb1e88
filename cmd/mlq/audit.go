package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/audit"
)

func newAudit(io streams) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List what admins ordered, newest first (for admins)",
		Long: `List what admins ordered, newest first: drains, revoked leases, users, tokens,
hosts that were let in, and what they did to the jobs of others. Refused orders are
in it too. The store keeps the last 10,000; the log of each server has all of its own.`,
		Args: none(),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how many at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 {
			return usage("--limit: want a number above 0")
		}
		r, err := server.remote()
		if err != nil {
			return err
		}
		entries, leftOut, err := auditEntries(cmd, r, limit)
		if err != nil {
			return err
		}
		if leftOut > 0 {
			fmt.Fprintf(io.err, "mlq: %d more in the store's log are no entries of a server; somebody else wrote to the store. Each server's own log has its entries (docs/operate.md)\n", leftOut)
		}
		return show(io.out, *output, entries, func() *table { return auditTable(entries, time.Now()) })
	}
	return cmd
}

// auditEntries reads as many pages as it takes.
func auditEntries(cmd *cobra.Command, r *remote, limit int) (entries []audit.Entry, leftOut int, err error) {
	q := url.Values{}
	entries = []audit.Entry{} // none is [] in JSON
	for {
		var page api.AuditPage
		q.Set("limit", strconv.Itoa(limit-len(entries)))
		if err := r.get(cmd.Context(), "/audit", q, &page); err != nil {
			return nil, 0, err
		}
		entries, leftOut = append(entries, page.Entries...), leftOut+page.LeftOut
		if page.Next == 0 || len(entries) >= limit {
			return entries, leftOut, nil
		}
		q.Set("before", strconv.FormatInt(page.Next, 10))
	}
}

func auditTable(entries []audit.Entry, now time.Time) *table {
	t := &table{head: []string{"WHEN", "WHO", "FROM", "ANSWER", "WHAT"}, empty: "no admin has ordered anything yet"}
	for i := range entries {
		e := &entries[i]
		t.row(ago(e.At, now), e.User, e.Address, strconv.Itoa(e.Status), auditWords(e))
	}
	return t
}

// auditWords is the request in a line.
func auditWords(e *audit.Entry) string {
	words := []string{e.Method, e.Path}
	if e.Query != "" {
		words[1] += "?" + e.Query
	}
	return strings.Join(append(words, strings.Fields(e.Body)...), " ")
}
