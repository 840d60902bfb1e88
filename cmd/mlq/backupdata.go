package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/internal/backup"
)

// keptData are the files of a server's data folder that nothing else can replace.
var keptData = []string{"secret.key", "signing.key", "admin.token", "agent.token", "server.token", "tls/cert.pem", "tls/key.pem"}

// serversFiles are files that a server's data folder has: the keys may lie elsewhere, the
// token may have been taken away, and the id comes with the first job.
var serversFiles = []string{"highest_job_id", "signing.key", "admin.token"}

func ofServer(data string) bool {
	return slices.ContainsFunc(serversFiles, func(name string) bool {
		_, err := os.Stat(filepath.Join(data, name))
		return err == nil
	})
}

func (b *backupTaker) takeData(context.Context) error {
	b.m.Data = []backup.File{}
	if b.data == "" {
		return nil
	}
	if !ofServer(b.data) {
		return failed("--data %s is not the data folder of a server: it has none of %s", b.data, strings.Join(serversFiles, ", "))
	}
	for _, name := range keptData {
		file, err := os.Open(filepath.Join(b.data, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return failed("--data: %w", err)
		}
		kept, err := backup.Keep(b.dir, "data/"+name, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return failed("backup of %s: %w", name, err)
		}
		b.m.Data = append(b.m.Data, kept)
	}
	return nil
}
