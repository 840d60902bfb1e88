package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/backup"
)

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
