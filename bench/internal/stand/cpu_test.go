package stand

import (
	"testing"
	"time"
)

func TestCPUOf(t *testing.T) {
	const line = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 7 9 20 0 1 0 100 0 0"
	got, err := cpuOf([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if want := 1750 * time.Millisecond; got != want {
		t.Errorf("cpuOf = %v, want %v", got, want)
	}
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194304 100 0 0 0 many 25 7"} {
		if _, err := cpuOf([]byte(bad)); err == nil {
			t.Errorf("cpuOf(%q): no error", bad)
		}
	}
}

func TestStartWaitsForReadyAndStops(t *testing.T) {
	r, err := StartRedis(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	used, err := r.UsedMemory(t.Context())
	if err != nil || used <= 0 {
		t.Errorf("UsedMemory = %d, %v", used, err)
	}
	if err := r.Client.Set(t.Context(), "k", make([]byte, 1<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if after, err := r.UsedMemory(t.Context()); err != nil || after < used+1<<20 {
		t.Errorf("UsedMemory after a MiB = %d, %v; was %d", after, err, used)
	}
	if config, err := r.Client.ConfigGet(t.Context(), "append*").Result(); err != nil || config["appendfsync"] != "everysec" || config["appendonly"] != "yes" {
		t.Errorf("config = %v, %v", config, err)
	}
	r.Stop()
	if _, err := r.CPU(); err == nil {
		t.Error("the process is still there")
	}
}

func TestAwaitTellsThatTheProcessEnded(t *testing.T) {
	p, err := Start(t.Context(), t.TempDir(), "false", nil, "false")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := p.Await(t.Context(), time.Minute, func() error { return present(0, nil) }); err == nil {
		t.Error("no error")
	}
}
