package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReadStoreURL(t *testing.T) {
	for _, c := range []struct {
		raw, namespace string
		want           storePlace
	}{
		{"redis://h:1/2?namespace=lab", "", storePlace{onRedis, "redis://h:1/2?namespace=lab", "lab"}},
		{"redis://h", "lab", storePlace{onRedis, "redis://h?namespace=lab", "lab"}},
		{"redis://h?namespace=lab", "lab", storePlace{onRedis, "redis://h?namespace=lab", "lab"}},
		{"unix:///run/r.sock?db=1", "lab", storePlace{onRedis, "unix:///run/r.sock?db=1&namespace=lab", "lab"}},
		{"redis+sentinel://h/m?sentinel_password=a+b%20c", "lab", storePlace{onRedis, "redis+sentinel://h/m?sentinel_password=a+b%20c&namespace=lab", "lab"}},
		{"local:/data/store", "", storePlace{inFolder, "/data/store", "mlq"}},
		{"local:/data/store", "lab", storePlace{inFolder, "/data/store/lab", "lab"}},
		{"local:/data/store", "mlq", storePlace{inFolder, "/data/store", "mlq"}}, // the default one, by its name
		{"memory:", "lab", storePlace{inMemory, "", "lab"}},
	} {
		if got, err := readStoreURL(c.raw, c.namespace); err != nil || got != c.want {
			t.Errorf("readStoreURL(%q, %q) = %v, %v; want %v", c.raw, c.namespace, got, err, c.want)
		}
	}
}

func TestReadStoreURLRefuses(t *testing.T) {
	for _, raw := range []string{"", "mysql://h:secret@x", "local:", "/var/lib/mlq", "redis://h?namespace=other", "redis://h?%zz"} {
		_, err := readStoreURL(raw, "lab")
		var e *exit
		if !errors.As(err, &e) || e.code != exitConfig || strings.Contains(err.Error(), "secret") {
			t.Errorf("readStoreURL(%q) = %v, want a refusal with exit code 78 and no secret", raw, err)
		}
	}
}

func TestNamespaceOfAnEmbeddedStore(t *testing.T) {
	for _, name := range []string{"..", "../../lab", "/", "a/b", "store.db", "LAB", "a b", "a\x00", "-a", strings.Repeat("a", 64)} {
		_, err := readStoreURL("local:/data/store", name)
		var e *exit
		if !errors.As(err, &e) || e.code != exitConfig || !strings.Contains(err.Error(), "up to 63 of a-z, 0-9, _ and -") {
			t.Errorf("namespace %q: %v, want a refusal with exit code 78", name, err)
		}
	}
}
