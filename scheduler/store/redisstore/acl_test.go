package redisstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// asUser makes the user of an ACL rule on a server and opens the store as it.
func asUser(t *testing.T, server *redistest.Server, rule string) *redisstore.Store {
	t.Helper()
	return open(t, server.As(t, rule, "n"))
}

// documented is a user's rule as docs/operate.md shows it.
func documented(t *testing.T, user string) string {
	t.Helper()
	return redistest.Documented(t, "../../../docs/operate.md", user, "n")
}

// TestDocumentedRules: the page for admins shows what ServerACL and AgentACL say.
func TestDocumentedRules(t *testing.T) {
	t.Parallel()
	for user, want := range map[string]string{
		"mlq": redisstore.ServerACL("n", "mlq"), "mlq-agent": redisstore.AgentACL("n", "mlq-agent"),
	} {
		if got := documented(t, user); got != want {
			t.Errorf("docs/operate.md has\n%s\nwant\n%s", got, want)
		}
	}
}

// full is a commit with every kind of guard and effect, under a prefix.
func full(identity, prefix string) store.Commit {
	return store.Commit{
		Identity: identity,
		Guards: []store.Guard{
			store.Absent(prefix + "mark"), store.AtMost(prefix+"counter", 1, 9), store.Empty(prefix + "none"),
		},
		Effects: []store.Effect{
			store.Put(prefix+"mark", nil), store.PutTTL(prefix+"short", nil, 1e9), store.Delete(prefix + "gone"),
			store.Index(prefix+"index", nil), store.Unindex(prefix+"other", nil),
			store.Add(prefix+"counter", 1), store.Add(prefix+"zero", 1), store.Add(prefix+"zero", -1),
			store.Append(prefix+"log", nil, 9), store.DropLog(prefix + "old"), store.Notify(prefix+"topic", nil),
		},
	}
}

func whole(prefix string) store.Query {
	return store.Query{
		Keys: []string{prefix + "mark"}, Counters: []string{prefix + "counter"},
		Ranges: []store.Range{{Index: prefix + "index", Limit: 9}}, Counts: []store.Count{{Index: prefix + "index"}},
		Logs: []store.LogRange{{Log: prefix + "log", Limit: 9}},
	}
}

// unlogged reads no log: agents do not.
func unlogged(prefix string) store.Query {
	q := whole(prefix)
	q.Logs = nil
	return q
}

// uses does all that a user of the store does, under a prefix, but reading logs.
func uses(t *testing.T, s store.Store, prefix string) error {
	t.Helper()
	a, err := s.Read(soon(t), unlogged(prefix))
	if err != nil {
		return err
	}
	if _, _, err := s.Allocate(soon(t), prefix+"ids", 1); err != nil {
		return err
	}
	if _, err := s.Watch(soon(t), prefix+"topic"); err != nil {
		return err
	}
	if _, err := s.Describe(soon(t)); err != nil {
		return err
	}
	r, err := s.Commit(soon(t), full(a.Identity, prefix))
	if err == nil && !r.OK() {
		t.Fatalf("commit under %s: %+v", prefix, r)
	}
	return err
}

func TestServerUser(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := asUser(t, server, documented(t, "mlq"))
	for _, prefix := range []string{"live:", "agent:", "spec:", "auth:"} {
		if err := uses(t, s, prefix); err != nil {
			t.Errorf("the server may not use %s: %v", prefix, err)
		}
		if _, err := s.Read(soon(t), whole(prefix)); err != nil {
			t.Errorf("the server may not read the logs of %s: %v", prefix, err)
		}
	}
	refusesOthers(t, server, "mlq")
}

func TestAgentUser(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := asUser(t, server, documented(t, "mlq-agent"))
	for _, prefix := range []string{"live:", "agent:"} {
		if err := uses(t, s, prefix); err != nil {
			t.Errorf("the agent may not use %s: %v", prefix, err)
		}
	}
	if _, err := s.Read(soon(t), unlogged("spec:")); err != nil {
		t.Errorf("the agent may not read spec: %v", err)
	}
	if _, err := s.Read(soon(t), whole("auth:")); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("the agent reads auth: %v", err)
	}
	identity := read(t, open(t, server.URL("n"))).Identity
	for _, prefix := range []string{"spec:", "auth:"} {
		agentWritesNothing(t, server, s, full(identity, prefix))
	}
	refusesOthers(t, server, "mlq-agent")
}

// agentWritesNothing: a forbidden key among allowed ones refuses the whole, as
// an effect, as a guard, and for numbers.
func agentWritesNothing(t *testing.T, server *redistest.Server, s store.Store, forbidden store.Commit) {
	t.Helper()
	before := read(t, open(t, server.URL("n"))).Revision
	for _, c := range []store.Commit{
		forbidden,
		{Identity: forbidden.Identity, Effects: []store.Effect{store.Put("live:x", nil), forbidden.Effects[0]}},
		{Identity: forbidden.Identity, Effects: []store.Effect{store.Put("live:x", nil)}, Guards: forbidden.Guards[:1]},
	} {
		if _, err := s.Commit(soon(t), c); !errors.Is(err, redisstore.ErrConfig) {
			t.Errorf("the agent commits %+v: %v", c, err)
		}
	}
	if _, _, err := s.Allocate(soon(t), forbidden.Effects[0].Key, 1); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("the agent allocates: %v", err)
	}
	after := read(t, open(t, server.URL("n")), "live:x")
	if after.Revision != before || after.Records[0].Version != 0 {
		t.Errorf("the refused commits wrote something: %+v", after)
	}
}

// refusesOthers: another namespace is none of the user's business.
func refusesOthers(t *testing.T, server *redistest.Server, name string) {
	t.Helper()
	url := strings.Replace(server.URL("other"), "://", "://"+name+":pw@", 1)
	s := open(t, url)
	if _, err := s.Read(soon(t), store.Query{}); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("%s reads another namespace: %v", name, err)
	}
}

// TestForbiddenChannel: a watch that an ACL forbids says so.
func TestForbiddenChannel(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	rule := strings.Replace(redisstore.AgentACL("n", "agent"), "&mlq:", "&other:", 1)
	s := asUser(t, server, rule)
	if _, err := s.Watch(soon(t), "topic"); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("watched a forbidden channel: %v", err)
	}
	identity := read(t, open(t, server.URL("n"))).Identity
	if _, err := s.Commit(soon(t), full(identity, "live:")); !errors.Is(err, redisstore.ErrConfig) {
		t.Errorf("published on a forbidden channel: %v", err)
	}
	if a := read(t, open(t, server.URL("n")), "live:mark"); a.Revision != 0 || a.Records[0].Version != 0 {
		t.Errorf("the refused commit wrote something: %+v", a)
	}
}
