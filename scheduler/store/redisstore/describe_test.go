package redisstore_test

import (
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// TestDescribe: each setting of a real server gets its own words.
func TestDescribe(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	for _, step := range []struct{ name, value, word string }{
		{"appendfsync", "everysec", "last second"},
		{"appendfsync", "always", "on disk"},
		{"appendfsync", "no", "half a minute"},
		{"appendonly", "no", "EVERYTHING"},
		{"save", "60 1", "last snapshot"},
	} {
		admin(t, server, "config", "set", step.name, step.value)
		if line := describe(t, s); !strings.Contains(line, step.word) || strings.Contains(line, "\n") {
			t.Errorf("%s %s is described as %q", step.name, step.value, line)
		}
	}
}

// TestDescribeWithoutConfig: where CONFIG is refused, it says so.
func TestDescribeWithoutConfig(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	agent := asUser(t, server, redisstore.AgentACL("n", "agent"))
	if line := describe(t, agent); !strings.Contains(line, "unknown") {
		t.Errorf("described as %q", line)
	}
	admin(t, server, "config", "set", "appendonly", "no")
	if line := describe(t, agent); !strings.Contains(line, "unknown time") {
		t.Errorf("described as %q", line)
	}
}

// TestDescribeRefuses: a policy that was changed while we ran is found.
func TestDescribeRefuses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server.URL("n"))
	admin(t, server, "config", "set", "maxmemory-policy", "volatile-ttl")
	if line, err := s.Describe(soon(t)); err == nil {
		t.Errorf("described as %q", line)
	}
}
