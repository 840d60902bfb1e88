// Command mlq is the one binary of MLQ: the server, the agent of a GPU host,
// both on one machine for a start, and the commands of users and admins.
//
// This package alone knows all the parts: it reads flags and variables, opens
// the store that the URL names, starts what is needed in order and stops it in
// the reverse one. Each command is a file of its own.
package main

import (
	"context"
	"os"
)

// version and commit are set by the build.
var (
	version = "dev"
	commit  = ""
)

func main() {
	io := stdio()
	os.Exit(report(io, execute(context.Background(), io, os.Args[1:])))
}

// execute runs one command line until it is done or a signal ends it.
func execute(ctx context.Context, io streams, args []string) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	root := newRoot(io)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
