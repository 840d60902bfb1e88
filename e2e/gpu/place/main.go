// Command place puts NVML's stand-in with one GPU into a folder, for the dry run
// of make test-gpu.
package main

import (
	"fmt"
	"os"

	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: place FOLDER")
		os.Exit(2)
	}
	if err := standin.Place(os.Args[1], 1); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
