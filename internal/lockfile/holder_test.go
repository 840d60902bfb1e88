package lockfile

import (
	"os"
	"testing"
)

func TestHolder(t *testing.T) {
	path := Path(t.TempDir(), "GPU-1")
	if pid, held, err := holder(t, path); held || err != nil {
		t.Errorf("a file that is not there: %d, %v", pid, err)
	}
	lock := acquire(t, path)
	if pid, held, err := holder(t, path); !held || pid != os.Getpid() || err != nil {
		t.Errorf("held %v by %d, want %d; %v", held, pid, os.Getpid(), err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if pid, held, err := holder(t, path); held || err != nil {
		t.Errorf("after its end it is held by %d, %v", pid, err)
	}
}

func holder(t *testing.T, path string) (int, bool, error) {
	t.Helper()
	table, err := ReadTable()
	if err != nil {
		t.Fatal(err)
	}
	return table.Holder(path)
}

func TestParseTable(t *testing.T) {
	table := parseTable([]byte(`1: POSIX  ADVISORY  READ 11 08:01:100 128 128
2: FLOCK  ADVISORY  WRITE 12 00:1a:200 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 00:1a:200 0 EOF
3: FLOCK  ADVISORY  WRITE -1 00:1a:300 0 EOF
4: FLOCK  ADVISORY  WRITE 14 nonsense 0 EOF
5: FLOCK
`))
	if len(table.holders) != 2 || table.holders[file{0, 0x1a, 200}] != 12 || table.holders[file{0, 0x1a, 300}] != -1 {
		t.Errorf("read %v", table.holders)
	}
}
