package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/scheduler"
)

func newFiles(io streams) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "files ID",
		Short: "List the files that a job left in its out/, or fetch them",
		Long: `List the files that a job left in its out/.

With --to they are all written below that folder, each of them whole or not at all.`,
		Example: "  mlq files 53\n  mlq files 53 --to results",
		Args:    exactly(1, "one job id"),
	}
	server, output := bindServer(cmd), outputFlag(cmd)
	cmd.Flags().StringVar(&to, "to", "", "folder to write them to, made where it does not exist (default: only list them)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, id, err := server.ofJob(args[0])
		if err != nil {
			return err
		}
		var found blob.Manifest
		if err := r.get(cmd.Context(), jobPath(id, "/files"), nil, &found); err != nil {
			return err
		}
		if to != "" {
			if err := fetchFiles(cmd.Context(), r, id, found.Files, to); err != nil {
				return err
			}
		}
		return show(io.out, *output, found, func() *table { return fileTable(found.Files) })
	}
	return cmd
}

func fileTable(files []blob.File) *table {
	t := &table{head: []string{"file", "size", "sha256"}}
	for _, f := range files {
		t.row(f.Name, size(f.Size), f.SHA256[:min(12, len(f.SHA256))])
	}
	return t
}

// fetchFiles writes the files below dir. It stays inside, whatever names a
// server gives and whatever links lie there.
func fetchFiles(ctx context.Context, r *remote, id scheduler.JobID, files []blob.File, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return failed("--to: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return failed("--to: %w", err)
	}
	defer root.Close() //nolint:errcheck // only a folder
	for _, f := range files {
		if !blob.CleanName(f.Name) {
			return failed("the server names a file %q, which is no name of a file in out/", f.Name)
		}
		if err := fetchFile(ctx, r, id, f, root); err != nil {
			return failed("--to: %s: %w", f.Name, err)
		}
	}
	return nil
}

// fetchFile writes one file beside its place, and moves it there when it is whole.
func fetchFile(ctx context.Context, r *remote, id scheduler.JobID, f blob.File, root *os.Root) (err error) {
	request, err := r.request(ctx, http.MethodGet, jobPath(id, "/files/"+escaped(f.Name)), nil, nil)
	if err != nil {
		return err
	}
	request.Header.Set(api.HeaderCompares, "sha-256")
	response, err := r.answer(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if err := root.MkdirAll(path.Dir(f.Name), 0o777); err != nil {
		return err
	}
	part := path.Join(path.Dir(f.Name), ".mlq-"+rand.Text())
	out, err := root.Create(part)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(part))
		}
	}()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), response.Body)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("it is damaged: its SHA-256 is %s, not the listed one", got)
	}
	return root.Rename(part, f.Name)
}

// escaped is a file's name as a part of a URL: each step of it, not the slashes between.
func escaped(name string) string {
	steps := strings.Split(name, "/")
	for i := range steps {
		steps[i] = url.PathEscape(steps[i])
	}
	return strings.Join(steps, "/")
}
