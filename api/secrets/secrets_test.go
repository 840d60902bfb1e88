package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/redistest"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func memory(t *testing.T) store.Store {
	t.Helper()
	st, err := localstore.OpenMemory()
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	return st
}

// vault is one whose key file is in a folder of its own.
func vault(t *testing.T, st store.Store) (*secrets.Vault, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.key")
	return secrets.New(st, path), path
}

func set(t *testing.T, v *secrets.Vault, user, name, value string) {
	t.Helper()
	_, err := v.Set(t.Context(), user, name, value)
	must(t, err)
}

func value(t *testing.T, v *secrets.Vault, user, name string) string {
	t.Helper()
	values, err := v.Values(t.Context(), user, []string{name})
	must(t, err)
	return values[name]
}

func TestSetListRemove(t *testing.T) {
	for name, open := range map[string]func(*testing.T) store.Store{
		"in memory": memory,
		// As the Redis user that docs/operate.md gives to servers.
		"on Redis": func(t *testing.T) store.Store {
			server := redistest.Start(t)
			st, err := redisstore.Open(t.Context(), server.As(t, redistest.Documented(t, "../../docs/operate.md", "mlq", "n"), "n"))
			must(t, err)
			t.Cleanup(func() { must(t, st.Close()) })
			return st
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, path := vault(t, open(t))
			must(t, v.Ready(t.Context()))
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a key before the first secret: %v", err)
			}
			set(t, v, "ana", "HF_TOKEN", "old")
			set(t, v, "ana", "HF_TOKEN", "new")
			set(t, v, "ana", "A", "many\nlines é")
			set(t, v, "ana2", "HF_TOKEN", "another's")
			list, err := v.List(t.Context(), "ana")
			must(t, err)
			if len(list) != 2 || list[0].Name != "A" || list[1].Name != "HF_TOKEN" || list[1].Set.IsZero() {
				t.Errorf("listed: %+v", list)
			}
			if got := value(t, v, "ana", "HF_TOKEN") + value(t, v, "ana", "A") + value(t, v, "ana2", "HF_TOKEN"); got != "newmany\nlines éanother's" {
				t.Errorf("opened: %q", got)
			}
			must(t, v.Remove(t.Context(), "ana", "HF_TOKEN"))
			var missing *secrets.MissingError
			if _, err := v.Values(t.Context(), "ana", []string{"A", "HF_TOKEN"}); !errors.As(err, &missing) || missing.Name != "HF_TOKEN" {
				t.Errorf("of a removed one: %v", err)
			}
			if err := v.Remove(t.Context(), "ana", "HF_TOKEN"); !errors.Is(err, secrets.ErrNotFound) {
				t.Errorf("removed twice: %v", err)
			}
			must(t, v.Forget(t.Context(), "ana"))
			names, err := v.Names(t.Context(), "ana")
			must(t, err)
			if len(names) != 0 || value(t, v, "ana2", "HF_TOKEN") != "another's" {
				t.Errorf("after Forget: %v", names)
			}
		})
	}
}

func TestRefusedSecrets(t *testing.T) {
	t.Parallel()
	v, path := vault(t, memory(t))
	for _, c := range []struct{ name, value string }{
		{"", "v"},
		{"A-B", "v"},
		{"1A", "v"},
		{"a:b", "v"},
		{strings.Repeat("A", 129), "v"},
		{"A", ""},
		{"A", "NUL\x00"},
		{"A", "\xff"},
		{"A", strings.Repeat("v", secrets.MaxValue+1)},
	} {
		_, err := v.Set(t.Context(), "ana", c.name, c.value)
		if !errors.Is(err, secrets.ErrInvalid) {
			t.Errorf("%.20q of %d bytes: %v", c.name, len(c.value), err)
		}
		if c.value != "v" && c.value != "" && strings.Contains(err.Error(), c.value) {
			t.Errorf("the refusal repeats the value: %v", err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key for refused secrets: %v", err)
	}
	set(t, v, "ana", "A", strings.Repeat("v", secrets.MaxValue))
	for i := 1; i < secrets.MaxSecrets; i++ {
		set(t, v, "ana", fmt.Sprintf("A%d", i), "v")
	}
	if _, err := v.Set(t.Context(), "ana", "ONE_MORE", "v"); !errors.Is(err, secrets.ErrInvalid) {
		t.Errorf("one too many: %v", err)
	}
	set(t, v, "ana", "A", "in place of the old one")
}

// TestSealed: the store has no value, and no record opens in another one's place.
func TestSealed(t *testing.T) {
	t.Parallel()
	st := memory(t)
	v, path := vault(t, st)
	const marker = "marker-of-this-test"
	set(t, v, "ana", "A", marker)
	set(t, v, "ana", "B", "b")
	set(t, v, "bob", "A", "bob's")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(path + ".*")
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left beside the key: %v", left)
	}
	keys := []string{"auth:secret:A:ana", "auth:secret:B:ana", "auth:secret:A:bob"}
	answer, err := st.Read(t.Context(), store.Query{Keys: keys})
	must(t, err)
	anaA := answer.Records[0].Value
	if len(anaA) == 0 || bytes.Contains(anaA, []byte(marker)) {
		t.Fatalf("the record is %s", anaA)
	}
	for _, at := range keys[1:] { // another name, another user
		result, err := st.Commit(t.Context(), store.Commit{Identity: answer.Identity, Effects: []store.Effect{store.Put(at, anaA)}})
		must(t, err)
		if !result.OK() {
			t.Fatal("not written")
		}
	}
	for user, name := range map[string]string{"ana": "B", "bob": "A"} {
		values, err := v.Values(t.Context(), user, []string{name})
		if err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("%s has %q, %v", user, values, err)
		}
	}
	if value(t, v, "ana", "A") != marker {
		t.Error("the record in its place does not open")
	}
}

func TestKeyOfAnotherServer(t *testing.T) {
	t.Parallel()
	st := memory(t)
	first, path := vault(t, st)
	second, other := vault(t, st)
	set(t, first, "ana", "A", "v")
	_, err := second.Set(t.Context(), "ana", "B", "v")
	wantKeyError(t, err)
	wantKeyError(t, second.Ready(t.Context()))
	_, err = second.Values(t.Context(), "ana", []string{"A"})
	wantKeyError(t, err)
	lost := secrets.New(st, filepath.Join(t.TempDir(), "secret.key"))
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(other, text, 0o600)) // what the refusal says; no restart is needed
	must(t, second.Ready(t.Context()))
	if value(t, second, "ana", "A") != "v" {
		t.Error("with the key it does not open")
	}
	must(t, lost.Remove(t.Context(), "ana", "A")) // the last one: nobody needs the old key
	set(t, lost, "ana", "A", "anew")
	if value(t, lost, "ana", "A") != "anew" {
		t.Error("with a new key it does not open")
	}
}

func wantKeyError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, secrets.ErrKey) || !strings.Contains(err.Error(), "give it the file of the server") {
		t.Errorf("with another key: %v", err)
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"others can read it": {good + "\n", 0o640, "chmod 600"},
		"a short key":        {good[2:] + "\n", 0o600, "line 1"},
		"no hexadecimals":    {"# mine\n" + good + "\n" + good[1:] + "g\n", 0o600, "line 3"},
		"no key":             {"\n# only this\n", 0o600, "has none"},
	} {
		v, path := vault(t, memory(t))
		must(t, os.WriteFile(path, []byte(c.text), c.mode))
		err := v.Ready(t.Context())
		if !errors.Is(err, secrets.ErrKey) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), good[2:]) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := v.Set(t.Context(), "ana", "A", "v"); !errors.Is(err, secrets.ErrKey) {
			t.Errorf("%s: set: %v", name, err)
		}
	}
}

// TestRotate: a new first line in the file, then the old line can go.
func TestRotate(t *testing.T) {
	t.Parallel()
	st := memory(t)
	v, path := vault(t, st)
	want := map[string]string{}
	for i := range 3 {
		name := fmt.Sprintf("A%d", i)
		set(t, v, "ana", name, "v"+name)
		want[name] = "v" + name
	}
	if n, _, err := v.Rotate(t.Context()); n != 0 || err != nil {
		t.Errorf("with one key: %d, %v", n, err)
	}
	old, err := os.ReadFile(path)
	must(t, err)
	fresh := strings.Repeat("5b", 32) + "\n"
	must(t, os.WriteFile(path, []byte(fresh+string(old)), 0o600))
	again := secrets.New(st, path)
	must(t, again.Ready(t.Context()))
	for _, sealed := range []int{3, 0} { // a second server, or a second start
		if n, left, err := again.Rotate(t.Context()); n != sealed || left != nil || err != nil {
			t.Errorf("sealed %d, %v, want %d", n, err, sealed)
		}
	}
	if _, err := v.Set(t.Context(), "ana", "B", "v"); !errors.Is(err, secrets.ErrKey) {
		t.Errorf("a server with the old key alone still seals: %v", err)
	}
	must(t, os.WriteFile(path, []byte(fresh), 0o600))
	last := secrets.New(st, path)
	must(t, last.Ready(t.Context()))
	values, err := last.Values(t.Context(), "ana", []string{"A0", "A1", "A2"})
	must(t, err)
	if !reflect.DeepEqual(values, want) {
		t.Errorf("after the rotation: %v", values)
	}
}
