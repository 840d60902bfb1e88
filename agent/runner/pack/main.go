// Command pack writes the Python package that is in the binary, as the server
// hands it out, into a folder. make dist uses it.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/mlq-dev/mlq/agent/runner"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: pack FOLDER")
	}
	made, err := runner.Wheel()
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Args[1], made.Name), made.Data, 0o644)
	}
	if err != nil {
		log.Fatal("pack: ", err)
	}
}
