package main

import (
	"errors"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

func parsed(t *testing.T, args ...string) *agentFlags {
	t.Helper()
	var a *agentFlags
	cmd := &cobra.Command{RunE: func(cmd *cobra.Command, _ []string) error { return readVariables(cmd) }}
	a = bindAgent(cmd)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestVariablesSetFlags(t *testing.T) {
	t.Setenv("MLQ_NAME", "gpu1")
	t.Setenv("MLQ_PYTHON", "a=/opt/a,b=/opt/b")
	t.Setenv("MLQ_GPUS", "")
	a := parsed(t)
	if a.name != "gpu1" || a.gpus != "auto" || !slices.Equal(a.pythons, []string{"a=/opt/a", "b=/opt/b"}) {
		t.Errorf("got %+v", a)
	}
}

func TestTheCommandLineWins(t *testing.T) {
	t.Setenv("MLQ_PYTHON", "/opt/a")
	if a := parsed(t, "--python", "/opt/b"); !slices.Equal(a.pythons, []string{"/opt/b"}) {
		t.Errorf("got %q", a.pythons)
	}
}

func TestUnknownVariable(t *testing.T) {
	t.Setenv("MLQ_GPSU", "cpu:1")
	err := refuseUnknownVariables(newRoot(stdio()))
	var e *exit
	if !errors.As(err, &e) || e.code != exitConfig || e.hint != "did you mean MLQ_GPUS?" {
		t.Errorf("got %v", err)
	}
}
