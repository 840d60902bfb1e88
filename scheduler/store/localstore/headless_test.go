package localstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestHeadPagesGone: where bbolt cannot even begin a transaction it keeps its locks, and all
// others would wait for them for ever. The process says so and ends, though something above
// catches panics, as net/http does.
func TestHeadPagesGone(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"read", "commit"} {
		cmd := as(t, "empty", t.TempDir())
		cmd.Env = append(cmd.Env, "MLQ_TEST_FIRST="+first)
		var said bytes.Buffer
		cmd.Stderr = &said
		cmd.WaitDelay = time.Second
		late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		out, err := cmd.Output()
		late.Stop()
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != 1 || len(out) > 0 {
			t.Errorf("%s: %v, %q", first, err, out)
		}
		if text := said.String(); !strings.HasPrefix(text, "mlq: ") || !strings.Contains(text, "the store's file is damaged") || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: it says %q", first, text)
		}
	}
}

// emptied cuts the file of an open store to nothing, and goes on using it.
func emptied(dir string) error {
	s, identity, err := openFor(dir)
	if err != nil {
		return err
	}
	if err := os.Truncate(filepath.Join(dir, "store.db"), 0); err != nil {
		return err
	}
	uses := map[string]func() error{
		"read":   func() error { _, err := s.Read(context.Background(), store.Query{}); return err },
		"commit": func() error { return put(s, identity, "new", 1) },
	}
	for range 2 {
		fmt.Println("went on:", uses[os.Getenv("MLQ_TEST_FIRST")]())
	}
	return nil
}
