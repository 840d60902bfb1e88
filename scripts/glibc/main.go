// Command glibc says which is the oldest C library that a program runs on, as
// the program itself tells: "none needed", or a version as 2.17.
package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: glibc FILE")
	}
	version, err := oldest(os.Args[1])
	if err != nil {
		log.Fatal("glibc: ", err)
	}
	fmt.Println(version)
}

// oldest reads what a program asks of the libraries that are loaded with it. A
// program without such libraries needs none.
func oldest(path string) (version string, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return "", err
	}
	if len(libraries) == 0 {
		return "none needed", nil
	}
	symbols, err := file.ImportedSymbols()
	if err != nil {
		return "", err
	}
	for _, s := range symbols {
		if v, ok := strings.CutPrefix(s.Version, "GLIBC_"); ok && newer(v, version) {
			version = v
		}
	}
	if version == "" {
		return "", fmt.Errorf("it loads %s, and asks for no version of the C library", strings.Join(libraries, ", "))
	}
	return version, nil
}

// newer compares versions number by number.
func newer(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range as {
		if i >= len(bs) {
			return true
		}
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX != nil || errY != nil || x != y {
			return errX == nil && (errY != nil || x > y)
		}
	}
	return false
}
