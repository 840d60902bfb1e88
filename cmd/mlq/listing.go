package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

// listing is a command that gets one list and shows it.
type listing[T any] struct {
	use, short, long string
	path, member     string // of the API's answer
	table            func(list []T, now time.Time) *table
}

func (l listing[T]) command(io streams) *cobra.Command {
	cmd := &cobra.Command{Use: l.use, Short: l.short, Long: l.long, Args: none()}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		list, err := l.get(cmd.Context(), r)
		if err != nil {
			return err
		}
		return show(io.out, *output, list, func() *table { return l.table(list, time.Now()) })
	}
	return cmd
}

func (l listing[T]) get(ctx context.Context, r *remote) ([]T, error) {
	var answer map[string][]T
	err := r.get(ctx, l.path, nil, &answer)
	return answer[l.member], err
}
