package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/units"
)

// byteSize is a flag's value in the words of a job's fields: "40GB", "16GiB".
type byteSize int64

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	parsed, err := units.ParseBytes(text)
	*b = byteSize(parsed)
	return err
}

// String implements pflag.Value.
func (b *byteSize) String() string {
	const gib = 1 << 30
	if *b == 0 { // not given
		return ""
	}
	if n := int64(*b); n%gib == 0 {
		return strconv.FormatInt(n/gib, 10) + "GiB"
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "bytes" }

// maxBlobFlag defines the limit of what is uploaded.
func maxBlobFlag(cmd *cobra.Command) *int64 {
	b := byteSize(8 << 30)
	cmd.Flags().Var(&b, "max-blob", "largest payload, result or file, as 8GiB")
	variable(cmd.Flags(), "max-blob", "MLQ_MAX_BLOB")
	return (*int64)(&b)
}
