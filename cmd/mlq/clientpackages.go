package main

import (
	"fmt"

	"github.com/mlq-dev/mlq/agent/runner"
	"github.com/mlq-dev/mlq/api"
)

// clientPackages are the Python packages that this server hands out: its own,
// made of the files in this binary, and the wheels that an admin put beside it.
func clientPackages(data *dataFolder) (api.ClientPackages, error) {
	own, err := runner.Wheel()
	if err != nil {
		return api.ClientPackages{}, fmt.Errorf("the Python package in this binary: %w", err)
	}
	return api.ClientPackages{
		Name: own.Name, SHA256: own.SHA256, Version: runner.Version(), Data: own.Data, Folder: data.join("client"),
	}, nil
}
