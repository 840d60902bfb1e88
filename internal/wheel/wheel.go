// Package wheel writes Python wheels of packages that are Python alone: a zip
// with the files and with what pip wants to know of them. The same files make
// the same bytes, whenever and wherever.
package wheel

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Package is what a wheel is made of.
type Package struct {
	Name     string // as pip knows it: "mlq-gpu"
	Version  string
	Metadata string // the lines of METADATA after Name and Version
	License  []byte // the text; nil: none
	Files    map[string][]byte
}

// Wheel is a wheel as it is handed out.
type Wheel struct {
	Name   string // of the file, which tells pip what it is
	Data   []byte
	SHA256 string // of the data, hexadecimal
}

// Tag: any Python 3, any machine.
const tag = "py3-none-any"

// Build writes the wheel of a package. Errors: a package without a name, a
// version or files.
func Build(p Package) (Wheel, error) {
	if p.Name == "" || p.Version == "" || len(p.Files) == 0 {
		return Wheel{}, fmt.Errorf("wheel: name, version and files are needed")
	}
	stem := strings.ReplaceAll(p.Name, "-", "_") + "-" + p.Version
	var out bytes.Buffer
	w := writer{zip: zip.NewWriter(&out)}
	for _, name := range sorted(p.Files) {
		w.add(name, p.Files[name])
	}
	info := stem + ".dist-info/"
	w.add(info+"METADATA", []byte("Metadata-Version: 2.1\nName: "+p.Name+"\nVersion: "+p.Version+"\n"+p.Metadata))
	w.add(info+"WHEEL", []byte("Wheel-Version: 1.0\nGenerator: mlq\nRoot-Is-Purelib: true\nTag: "+tag+"\n"))
	if p.License != nil {
		w.add(info+"LICENSE", p.License)
	}
	// RECORD lists all files, itself without a digest.
	w.add(info+"RECORD", []byte(w.record.String()+info+"RECORD,,\n"))
	if w.err == nil {
		w.err = w.zip.Close()
	}
	if w.err != nil {
		return Wheel{}, fmt.Errorf("wheel: %w", w.err)
	}
	sum := sha256.Sum256(out.Bytes())
	return Wheel{Name: stem + "-" + tag + ".whl", Data: out.Bytes(), SHA256: hex.EncodeToString(sum[:])}, nil
}

func sorted(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// writer adds files and keeps the first error.
type writer struct {
	zip    *zip.Writer
	record strings.Builder
	err    error
}

// epoch is the first time that a zip can hold; a wheel has no other.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

func (w *writer) add(name string, data []byte) {
	if w.err != nil {
		return
	}
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch}
	header.SetMode(0o644)
	file, err := w.zip.CreateHeader(header)
	if err == nil {
		_, err = file.Write(data)
	}
	w.err = err
	sum := sha256.Sum256(data)
	fmt.Fprintf(&w.record, "%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(data))
}
