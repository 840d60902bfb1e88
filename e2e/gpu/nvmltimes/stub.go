//go:build !linux || !cgo

// Command nvmltimes measures what NVIDIA's driver takes to answer. It needs cgo.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "nvmltimes: built without a C compiler, so it cannot ask the driver")
	os.Exit(1)
}
