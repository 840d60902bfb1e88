package secrets_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestDamaged: a secret that cannot be read, or opened, is told as such to who wants it, keeps no
// other from being sealed anew, and is whole again once it is set.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]byte) []byte{
		"record": func(b []byte) []byte { return b[1:] },
		"key":    func(b []byte) []byte { b[bytes.Index(b, []byte(`"key":"`))+8] ^= 2; return b },
		"box": func(b []byte) []byte {
			at := bytes.Index(b, []byte(`"box":"`)) + 30
			b[at] = map[bool]byte{true: 'B', false: 'A'}[b[at] == 'A']
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := memory(t)
			v, path := vault(t, st)
			for _, name := range []string{"A", "B", "C"} {
				set(t, v, "ana", name, "v"+name)
			}
			key := "auth:secret:A:ana"
			a, err := st.Read(t.Context(), store.Query{Keys: []string{key}})
			must(t, err)
			_, err = st.Commit(t.Context(), store.Commit{
				Identity: a.Identity, Effects: []store.Effect{store.Put(key, change(bytes.Clone(a.Records[0].Value)))},
			})
			must(t, err)

			if _, err := v.Values(t.Context(), "ana", []string{"B", "A"}); !errors.Is(err, secrets.ErrDamaged) || !strings.Contains(err.Error(), "secret A") {
				t.Errorf("opened: %v", err)
			}
			list, err := v.List(t.Context(), "ana")
			must(t, err)
			if len(list) != 3 || list[0].Damaged != (name == "record") {
				t.Errorf("the list is %+v", list)
			}
			old, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, []byte(strings.Repeat("5b", 32)+"\n"+string(old)), 0o600))
			again := secrets.New(st, path)
			if n, left, err := again.Rotate(t.Context()); n != 2 || !slices.Equal(left, []string{"A of ana"}) || err != nil {
				t.Errorf("sealed %d anew, left %q: %v", n, left, err)
			}
			if got := value(t, again, "ana", "C"); got != "vC" {
				t.Errorf("C is %q", got)
			}
			set(t, again, "ana", "A", "anew")
			if got := value(t, again, "ana", "A"); got != "anew" {
				t.Errorf("A is %q", got)
			}
		})
	}
}

// TestDamagedName: where the store does not say any more with which key it seals, secrets can be had
// and set all the same.
func TestDamagedName(t *testing.T) {
	t.Parallel()
	st := memory(t)
	v, path := vault(t, st)
	set(t, v, "ana", "A", "vA")
	a, err := st.Read(t.Context(), store.Query{})
	must(t, err)
	_, err = st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{store.Put("auth:secretkey", []byte("x"))}})
	must(t, err)
	again := secrets.New(st, path)
	must(t, again.Ready(t.Context()))
	if got := value(t, again, "ana", "A"); got != "vA" {
		t.Errorf("A is %q", got)
	}
	set(t, again, "ana", "B", "vB")
	if got := value(t, again, "ana", "B"); got != "vB" {
		t.Errorf("B is %q", got)
	}
}
