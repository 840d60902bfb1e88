package redisstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestJudge: what INFO of servers says that cannot all be had in a test. 6.2 is
// what a Redis 6.2.14 answered.
func TestJudge(t *testing.T) {
	good := map[string]string{"redis_version": "7.0.15", "redis_mode": "standalone", "maxmemory_policy": "noeviction", "role": "master"}
	for _, c := range []struct {
		field, value string
		kind         error
		word         string
	}{
		{"redis_version", "6.2.14", ErrConfig, "is version 6.2.14; MLQ needs Redis 7.0 or newer"},
		{"redis_version", "2.8.0", ErrConfig, "7.0 or newer"},
		{"redis_version", "", ErrConfig, "7.0 or newer"},
		{"redis_version", "8.2.1", nil, ""},
		{"redis_version", "10.0.0", nil, ""},
		{"maxmemory_policy", "allkeys-lru", ErrConfig, "noeviction"},
		{"maxmemory_policy", "volatile-ttl", ErrConfig, "noeviction"},
		{"redis_mode", "cluster", ErrConfig, "Cluster"},
		{"role", "slave", store.ErrUnavailable, "replica"},
	} {
		facts := map[string]string{c.field: c.value}
		for name, value := range good {
			if name != c.field {
				facts[name] = value
			}
		}
		err := target{addrs: []string{"a:1"}}.judge(facts)
		if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s %s: %v; want %q", c.field, c.value, err, c.word)
		}
	}
}

// TestWhoCountsAsMaster: a server that does not tell its role to this user may be one; any
// other refusal is that of the connection, as a replica may be what is behind it.
func TestWhoCountsAsMaster(t *testing.T) {
	t.Parallel()
	p := newParrot(t)
	p.says(&p.answer, committed)
	for answer, want := range map[string]string{
		"$0\r\n\r\n":               "", // a Sentinel
		"$12\r\nrole:master\n\r\n": "",
		"$11\r\nrole:slave\n\r\n":  "it is a replica",
		"-NOPERM User mlq has no permissions to run the 'info' command\r\n": "",
		"-ERR unknown command 'info', with args beginning with:\r\n":        "",
		"-BUSY Redis is busy running a script\r\n":                          "BUSY Redis is busy running a script",
		"-LOADING Redis is loading the dataset in memory\r\n":               "LOADING",
		"-ERR max number of clients reached\r\n":                            "max number of clients",
		"-NOAUTH Authentication required.\r\n":                              "NOAUTH",
	} {
		p.says(&p.role, answer)
		s := p.store()
		_, err := s.Commit(t.Context(), someCommit())
		if want == "" && err != nil || want != "" && (!errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v; want %q", answer, err, want)
		}
		if isConfig := errors.Is(err, ErrConfig); isConfig != (want == "NOAUTH") {
			t.Errorf("%q: a wrong configuration: %v", answer, err)
		}
		s.Close()
	}
}
