package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
)

// signedStore is a store with a user that another server has signed, and without
// auth:signing: somebody took that away.
func signedStore(t *testing.T) *server {
	t.Helper()
	st, err := localstore.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	other := auth.New(st, auth.Options{Ring: signing.NewRing("", signing.NewKey([32]byte{1}))})
	if _, err := other.SetUser(t.Context(), "ana", auth.Change{}, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return &server{store: st}
}

// TestNoFirstKeyForASignedStore: a server without keys takes nothing for genuine because one
// record is missing.
func TestNoFirstKeyForASignedStore(t *testing.T) {
	s, path := signedStore(t), filepath.Join(t.TempDir(), "signing.key")
	c := serverConfig{signingKey: path, log: zerolog.Nop()}
	var e *exit
	if err := s.openRing(t.Context(), c); !errors.As(err, &e) || e.code != exitConfig || !errors.Is(err, auth.ErrOtherKey) {
		t.Errorf("a signed store: %v", err)
	}
	for _, file := range []string{path, path + ".adopt"} {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was made: %v", file, err)
		}
	}
	// An admin may order it, with mlq restore also before there is a key.
	if err := orderAdoption(signing.File{Path: path}); err != nil {
		t.Fatal(err)
	}
	if err := s.openRing(t.Context(), c); err != nil {
		t.Errorf("with an admin's word: %v", err)
	}
}

// TestFirstKeyOfAStartThatFailed: nor does one whose first start was cut off, and which
// found an empty store then.
func TestFirstKeyOfAStartThatFailed(t *testing.T) {
	s, file := signedStore(t), signing.File{Path: filepath.Join(t.TempDir(), "signing.key")}
	if err := errors.Join(os.WriteFile(adoptMark(file), []byte(byFirstKey), 0o600), file.Make()); err != nil {
		t.Fatal(err)
	}
	c := serverConfig{signingKey: file.Path, log: zerolog.Nop()}
	if err := s.openRing(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s.tokens = auth.New(s.store, auth.Options{Ring: s.ring})
	if err := s.fitRing(t.Context(), c); !errors.Is(err, auth.ErrOtherKey) {
		t.Errorf("a signed store: %v", err)
	}
}

// TestSaysWhenAKeyMayGo: each start with an older key says that nothing is left of it, also
// where another server was first to sign all anew.
func TestSaysWhenAKeyMayGo(t *testing.T) {
	s := signedStore(t)
	s.ring = signing.NewRing("", signing.NewKey([32]byte{2}), signing.NewKey([32]byte{1}).PublicKey)
	var said bytes.Buffer
	log := zerolog.New(&said)
	s.tokens = auth.New(s.store, auth.Options{Ring: s.ring})
	var err error
	if s.scheduler, err = scheduler.New(s.store, scheduler.Options{Log: zerolog.Nop(), Ring: s.ring}); err != nil {
		t.Fatal(err)
	}
	c := serverConfig{signingKey: filepath.Join(t.TempDir(), "signing.key"), log: log}
	for _, records := range []string{`"records":1`, `"records":0`} {
		said.Reset()
		if err := s.bindRing(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if text := said.String(); !strings.Contains(text, records) || !strings.Contains(text, `"left_unsigned":0`) || !strings.Contains(text, `nothing is left of the others"`) {
			t.Errorf("want %s in:\n%s", records, text)
		}
	}
	forger := auth.New(s.store, auth.Options{})
	if _, err := forger.SetUser(t.Context(), "mallory", auth.Change{}, true); err != nil {
		t.Fatal(err)
	}
	said.Reset()
	if err := s.bindRing(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.Contains(text, `"left_unsigned":1`) || !strings.Contains(text, `what none of the keys has signed is refused"`) {
		t.Errorf("of a record that nobody signed:\n%s", text)
	}
}

// TestWrongKeyMigratesNothing: a server without the store's key leaves its schema as it is.
func TestWrongKeyMigratesNothing(t *testing.T) {
	dir := t.TempDir()
	at := func(do func(st store.Store)) {
		t.Helper()
		st, err := localstore.Open(t.Context(), filepath.Join(dir, "store"))
		if err != nil {
			t.Fatal(err)
		}
		do(st)
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	at(func(st store.Store) {
		other := auth.New(st, auth.Options{Ring: signing.NewRing("", signing.NewKey([32]byte{1}))})
		if err := other.Bind(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	c := serverConfig{data: &dataFolder{path: dir}, log: zerolog.Nop()}
	var err error
	if c.timing, err = timing(1); err != nil {
		t.Fatal(err)
	}
	if c.store, err = readStoreURL("local:"+filepath.Join(dir, "store"), ""); err != nil {
		t.Fatal(err)
	}
	if err := c.signingFile().Make(); err != nil {
		t.Fatal(err)
	}
	s := &server{}
	if err := s.openStore(t.Context(), c); !errors.Is(err, auth.ErrOtherKey) {
		t.Errorf("with another key: %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	at(func(st store.Store) {
		a, err := st.Read(t.Context(), store.Query{Keys: []string{"spec:schema"}})
		if err != nil || a.Records[0].Version != 0 {
			t.Errorf("the schema was written: %+v, %v", a.Records, err)
		}
	})
}
