// Package web has the files of the page for people: HTML, a style sheet and ES
// modules, as they stand in this folder. There is no build step, and nothing
// comes from elsewhere, so that the page works where there is no internet.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
)

//go:embed *.html *.css *.js *.svg
var folder embed.FS

// Index is the name of the page itself.
const Index = "index.html"

// File is one file of the page, ready to be served.
type File struct {
	Media string // with its charset
	ETag  string // of the content, quoted
	Body  []byte
}

// media is the allow-list of what the page is made of.
var media = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// files is read once: what is embedded does not change.
var files = read()

// Open finds a file by its exact name; ok is false for every other text.
func Open(name string) (file File, ok bool) {
	file, ok = files[name]
	return file, ok
}

func read() map[string]File {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	all := make(map[string]File, len(entries))
	for _, entry := range entries {
		body, err := folder.ReadFile(entry.Name())
		if err != nil {
			panic(err) // likewise
		}
		sum := sha256.Sum256(body)
		all[entry.Name()] = File{media[path.Ext(entry.Name())], `"` + hex.EncodeToString(sum[:16]) + `"`, body}
	}
	return all
}
