package main

import (
	"io"
	"os"
)

// streams are the ends of a terminal, so that a command can be run on others.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func stdio() streams { return streams{os.Stdin, os.Stdout, os.Stderr} }
