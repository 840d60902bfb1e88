package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A try that was answered early is still read from when the next one begins.
func TestTriesOfAnUploadShareNoOffset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "result")
	want := bytes.Repeat([]byte("0123456789"), 10_000)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	first, second := fromStart(file, int64(len(want))), fromStart(file, int64(len(want)))
	if _, ok := first.(*os.File); !ok {
		t.Errorf("a %T is not sent within the kernel", first)
	}
	if _, err := io.ReadFull(first, make([]byte, 777)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(second)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the second try has %d bytes, %v", len(got), err)
	}
	for _, try := range []io.Reader{first, second} {
		if err := try.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := file.ReadAt(make([]byte, 1), 0); err != nil {
		t.Errorf("the file is closed with its tries: %v", err)
	}
}

// TestAGrownFileIsSentAsItWasHashed: whoever writes to a job's file after its end does not keep its result back.
func TestAGrownFileIsSentAsItWasHashed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "train.log")
	if err := os.WriteFile(path, []byte("hashed, and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := io.ReadAll(fromStart(file, 6)); err != nil || string(got) != "hashed" {
		t.Errorf("%q, %v", got, err)
	}
}
