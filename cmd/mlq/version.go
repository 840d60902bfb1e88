package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersion(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  none(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(io.out, "mlq %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
