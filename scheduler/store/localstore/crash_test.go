package localstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// TestMain lets this binary be the process that a test kills or starves.
func TestMain(m *testing.M) {
	if play := roles[os.Getenv("MLQ_TEST_ROLE")]; play != nil {
		if err := play(os.Getenv("MLQ_TEST_DIR")); err != nil {
			fmt.Println("FAILED:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var roles = map[string]func(dir string) error{"write": writeUntilKilled, "starve": starve, "empty": emptied}

func as(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "MLQ_TEST_ROLE="+role, "MLQ_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKilled: what was acknowledged before a kill -9 is there after it.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		acknowledged := killAfter(t, as(t, "write", dir), 100)
		s := open(t, dir)
		a, err := s.Read(t.Context(), store.Query{Keys: acknowledged})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range a.Records {
			if r.Version == 0 {
				t.Errorf("%q was acknowledged and is lost", acknowledged[i])
			}
		}
		s.Close()
	}
}

// killAfter gives the keys that a writer has told, of which there are n or more.
func killAfter(t *testing.T, writer *exec.Cmd, n int) (keys []string) {
	t.Helper()
	out, err := writer.StdoutPipe()
	if err == nil {
		err = writer.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if keys = append(keys, lines.Text()); len(keys) == n {
			writer.Process.Kill()
		}
	}
	writer.Wait() // killed
	if len(keys) < n {
		t.Fatalf("the writer ended by itself: %q", keys)
	}
	return keys
}

// writeUntilKilled prints each key once its commit is acknowledged.
func writeUntilKilled(dir string) error {
	s, identity, err := openFor(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for writer := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d-%d", os.Getpid(), writer, i)
				if err := put(s, identity, key, 100); err != nil {
					failed <- err
				}
				fmt.Println(key)
			}
		}()
	}
	return <-failed
}

// TestFullDisk: what does not fit into the file is refused, and what was
// acknowledged stays, for the process that met the limit and for the next.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := as(t, "starve", dir).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := open(t, dir)
	a, err := s.Read(t.Context(), store.Query{Keys: strings.Fields(string(out))})
	if err != nil || len(a.Records) < 10 {
		t.Fatalf("%d records, %v", len(a.Records), err)
	}
	for i, r := range a.Records {
		if r.Version != uint64(i+1) || len(r.Value) != 2_000 {
			t.Errorf("record %d has version %d and %d bytes", i, r.Version, len(r.Value))
		}
	}
	commit(t, s, store.Put("more", make([]byte, 1<<20)))
}

// starve runs in a process of its own, because the limit is one of a process. It
// prints the keys that it could store.
func starve(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, identity, err := openFor(dir)
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	stored := 0
	for err == nil {
		if err = put(s, identity, fmt.Sprint(stored), 2_000); err == nil {
			fmt.Println(stored)
			stored++
		}
	}
	if !errors.Is(err, store.ErrFull) {
		return err
	}
	a, err := s.Read(context.Background(), store.Query{Keys: []string{"0", fmt.Sprint(stored)}})
	if err != nil || a.Records[0].Version != 1 || a.Records[1].Version != 0 {
		return fmt.Errorf("after it was full: %+v, %w", a, err)
	}
	return s.Close()
}

func openFor(dir string) (s *localstore.Store, identity string, err error) {
	if s, err = localstore.Open(context.Background(), dir); err != nil {
		return nil, "", err
	}
	a, err := s.Read(context.Background(), store.Query{})
	return s, a.Identity, err
}

func put(s store.Store, identity, key string, size int) error {
	value := []byte(strings.Repeat("x", size))
	_, err := s.Commit(context.Background(), store.Commit{Identity: identity, Effects: []store.Effect{store.Put(key, value)}})
	return err
}
