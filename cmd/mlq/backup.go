package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/backup"
	"github.com/mlq-dev/mlq/internal/lockfile"
)

const backupLong = `Write everything that a server keeps to DIR while it runs: jobs, users, tokens,
results, payloads and logs, as the store was at one moment. Needs an admin's token.

Into a DIR with an earlier backup only what is new is fetched; that one stays
whole until the new one is. A backup that was cut off is none.

Keys and tokens of the server's data folder never travel: where this machine
is the server's, --data DATA takes them along.`

func newBackup(io streams) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:     "backup DIR",
		Short:   "Write everything that a server keeps to a folder, while it runs (for admins)",
		Long:    backupLong,
		Example: "  mlq backup /mnt/backup/mlq --data /var/lib/mlq",
		Args:    exactly(1, "one folder"),
	}
	cmd.Flags().StringVar(&data, "data", "", "the server's data folder, where it is on this machine: its keys and tokens are kept too")
	server := bindServer(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := server.remote()
		if err != nil {
			return err
		}
		return (&backupTaker{remote: r, dir: args[0], data: data, io: io}).take(cmd.Context())
	}
	return cmd
}

// backupTaker takes one backup.
type backupTaker struct {
	*remote

	dir, data string
	io        streams
	held      time.Time // since when the server keeps all blobs
	m         backup.Manifest
	fetched   int
}

func (b *backupTaker) take(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return failed("backup: %w", err)
	}
	lock, err := lockfile.AcquireOwn(filepath.Join(b.dir, "backup.lock"))
	if errors.Is(err, lockfile.ErrLocked) {
		return failed("another backup into %s is being taken", b.dir)
	}
	if err != nil {
		return failed("backup: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	before, err := backup.ReadManifest(b.dir)
	if err != nil && !errors.Is(err, backup.ErrNone) {
		return failed("%s: %w", b.dir, err).with("take the backup into another folder")
	}
	// They may be the only copy of the key that opens the secrets.
	if err == nil && len(before.Data) > 0 && b.data == "" {
		return failed("the backup in %s has the server's keys and tokens, and one without --data would take them away", b.dir).
			with("on the server's machine add --data DATA; else take it into another folder")
	}
	for _, step := range []func(context.Context) error{b.hold, b.takeStore, b.takeFiles, b.takeData} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return b.finish()
}

// hold has the server keep what the backup is about to name.
func (b *backupTaker) hold(ctx context.Context) error {
	b.held = time.Now()
	return b.send(ctx, http.MethodPost, "/backup", nil, nil, nil)
}

// takeStore comes before the files: what its records name is there, and is held.
func (b *backupTaker) takeStore(ctx context.Context) error {
	response, err := b.do(ctx, http.MethodGet, "/backup/store", nil, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	b.m.Store, err = backup.Keep(b.dir, "store-"+time.Now().UTC().Format("20060102T150405.000000000")+".gz", response.Body)
	if err != nil {
		return failed("backup of the store: %w", err)
	}
	return b.readBack()
}

// readBack holds that the snapshot is whole, and counts the jobs in it.
func (b *backupTaker) readBack() error {
	file, err := os.Open(filepath.Join(b.dir, b.m.Store.Name))
	if err != nil {
		return failed("backup: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	steps, err := backup.NewReader(file)
	jobs := map[string]bool{}
	for err == nil {
		op, failure := steps.Next()
		if key := string(op.Key); strings.HasPrefix(key, "live:job:") {
			jobs[key] = op.Kind == "put"
		}
		err = failure
	}
	if !errors.Is(err, io.EOF) {
		return failed("backup of the store: %w", err).with("try again")
	}
	for _, there := range jobs {
		if there {
			b.m.Jobs++
		}
	}
	b.m.End = steps.End
	return nil
}

// takeFiles fetches the blobs that are not there yet and all logs, and writes the list.
func (b *backupTaker) takeFiles(ctx context.Context) error {
	response, err := b.do(ctx, http.MethodGet, "/backup/files", nil, nil)
	if err != nil {
		return err
	}
	names, err := backup.Keep(b.dir, ".part-files", response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return failed("list of the files: %w", err)
	}
	list, w := io.Pipe()
	go func() { w.CloseWithError(b.takeListed(ctx, filepath.Join(b.dir, names.Name), w)) }()
	b.m.Files, err = backup.Keep(b.dir, strings.Replace(strings.TrimSuffix(b.m.Store.Name, ".gz"), "store", "files", 1)+".jsonl", list)
	if err = errors.Join(err, os.Remove(filepath.Join(b.dir, names.Name))); err != nil {
		return err
	}
	return nil
}

func (b *backupTaker) takeListed(ctx context.Context, names string, list io.Writer) error {
	file, err := os.Open(names)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	read, lines := 0, bufio.NewScanner(file)
	for ; lines.Scan(); read++ {
		var f backup.File
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return badAnswer(b.base, err)
		}
		if f.Name == "" { // the last line
			if f.Size != int64(read) {
				break
			}
			return nil
		}
		if err := b.takeFile(ctx, f, list); err != nil {
			return err
		}
	}
	return failed("the list of files was cut off after %d lines", read).with("try again")
}

// takeFile fetches one file. A log may have gone with its job since.
func (b *backupTaker) takeFile(ctx context.Context, f backup.File, list io.Writer) error {
	if !filepath.IsLocal(f.Name) || strings.Contains(f.Name, `\`) {
		return failed("the server names a file %q, which is no name of a blob or a log", f.Name)
	}
	if time.Since(b.held) > 30*time.Minute {
		if err := b.hold(ctx); err != nil {
			return err
		}
	}
	kept, err := b.fetch(ctx, f)
	if has(err, api.CodeNotFound) {
		return nil
	}
	if err != nil {
		return failed("backup of %s: %w", f.Name, err)
	}
	b.m.Count++
	b.m.Bytes += kept.Size
	if b.m.Count%1000 == 0 {
		fmt.Fprintf(b.io.err, "%d files, %s\n", b.m.Count, size(b.m.Bytes))
	}
	return json.NewEncoder(list).Encode(kept)
}

func (b *backupTaker) fetch(ctx context.Context, f backup.File) (backup.File, error) {
	path, query := "/blobs/"+f.SHA256, url.Values(nil)
	if f.SHA256 == "" {
		job, n, _ := strings.Cut(strings.TrimPrefix(f.Name, "logs/"), ".")
		path, query = "/blobs/logs/"+url.PathEscape(job)+"/"+url.PathEscape(n), url.Values{"to": {fmt.Sprint(f.Size)}}
	} else if info, err := os.Stat(filepath.Join(b.dir, filepath.FromSlash(f.Name))); err == nil && info.Size() == f.Size {
		return f, nil // of an earlier backup; its name says what is in it
	}
	response, err := b.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return f, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	kept, err := backup.Keep(b.dir, f.Name, response.Body)
	if err == nil && f.SHA256 != "" && kept.SHA256 != f.SHA256 {
		return f, errors.Join(fmt.Errorf("it came with the SHA-256 %s", kept.SHA256), os.Remove(filepath.Join(b.dir, filepath.FromSlash(f.Name))))
	}
	b.fetched++
	return kept, err
}

// keptData are the files of a server's data folder that nothing else can replace.
var keptData = []string{"secret.key", "admin.token", "agent.token", "server.token", "tls/cert.pem", "tls/key.pem"}

func (b *backupTaker) takeData(context.Context) error {
	b.m.Data = []backup.File{}
	if b.data == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(b.data, "highest_job_id")); err != nil {
		return failed("--data %s is not the data folder of a server: %w", b.data, err)
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

// finish makes it a backup.
func (b *backupTaker) finish() error {
	if err := b.m.Write(b.dir); err != nil {
		return failed("backup: %w", err)
	}
	kept, err := backup.Open(b.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(kept.Prune(b.dir), kept.Close()); err != nil {
		return failed("the backup is whole, but what it replaces is not removed: %w", err)
	}
	fmt.Fprintf(b.io.out, "backup of %d jobs as of %s, %d files with %s (%d of them fetched now) in %s\n",
		b.m.Jobs, b.m.End.Taken.Local().Format(time.DateTime), b.m.Count, size(b.m.Bytes), b.fetched, b.dir)
	if len(b.m.Data) == 0 {
		fmt.Fprintln(b.io.out, "not in it: keys and tokens of the server's data folder; on its machine, --data DATA keeps them")
	}
	return nil
}
