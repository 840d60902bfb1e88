// Command copy renews agent/runner/files and LICENSE from client/python. It is run by go
// generate, in the folder of package runner.
package main

import (
	"log"
	"os"
	"path/filepath"
)

const (
	source = "../../client/python/src/mlq"
	target = "files/mlq"
	// license goes into the wheel.
	license = "../../client/python/LICENSE"
)

func main() {
	log.SetFlags(0)
	if err := renew(); err != nil {
		log.Fatal("copy the runner: ", err)
	}
}

func renew() error {
	names, err := filepath.Glob(filepath.Join(source, "*.py"))
	if err != nil {
		return err
	}
	names = append(names, filepath.Join(source, "py.typed"))
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(target, filepath.Base(name)), data, 0o644); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(license)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Base(license), text, 0o644)
}
