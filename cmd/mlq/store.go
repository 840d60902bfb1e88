package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/mlq-dev/mlq/scheduler/store"
	"github.com/mlq-dev/mlq/scheduler/store/localstore"
	"github.com/mlq-dev/mlq/scheduler/store/redisstore"
)

// storeHelp is what --store takes, for help pages and refusals.
const storeHelp = "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, local:DIR or memory:"

// storeKind is where a store lives.
type storeKind int

const (
	onRedis storeKind = iota
	inFolder
	inMemory
)

// storePlace is a store's URL, read but not opened.
type storePlace struct {
	kind storeKind
	at   string // the URL, or the folder
	// scope is the namespace, which signatures are good in.
	scope string
}

// readStoreURL reads --store together with --namespace. Its refusals never
// repeat the URL, which may hold a password.
func readStoreURL(raw, namespace string) (storePlace, error) {
	switch scheme, rest, _ := strings.Cut(raw, ":"); scheme {
	case "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel":
		at, err := withNamespace(raw, namespace)
		return storePlace{kind: onRedis, at: at, scope: scopeOf(at, "")}, err
	case "local":
		if rest == "" {
			return storePlace{}, misconfigured("--store local: names no folder").with("local:DIR, for example local:/var/lib/mlq/store")
		}
		at, err := folderOf(rest, namespace)
		return storePlace{kind: inFolder, at: at, scope: scopeOf("", namespace)}, err
	case "memory":
		return storePlace{kind: inMemory, scope: scopeOf("", namespace)}, nil
	default:
		return storePlace{}, misconfigured("--store: want %s", storeHelp)
	}
}

// scopeOf is the namespace: of a Redis URL, or as it was given; "" is the default one.
func scopeOf(at, namespace string) string {
	if _, query, found := strings.Cut(at, "?"); found {
		if values, err := url.ParseQuery(query); err == nil { // one that cannot be read is refused when it is opened
			namespace = values.Get("namespace")
		}
	}
	return cmp.Or(namespace, redisstore.DefaultNamespace)
}

// folderOf is where an embedded store is: a namespace has a folder within, but for the
// default one. Another name could be a path that leads out.
func folderOf(folder, namespace string) (string, error) {
	if namespace == "" || namespace == redisstore.DefaultNamespace {
		return folder, nil
	}
	if err := redisstore.CheckNamespace(namespace); err != nil {
		return "", misconfigured("%w", err)
	}
	return filepath.Join(folder, namespace), nil
}

// withNamespace writes --namespace into a Redis URL, where ?namespace= says the same.
func withNamespace(raw, namespace string) (string, error) {
	if namespace == "" {
		return raw, nil
	}
	_, query, found := strings.Cut(raw, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", misconfigured("--store: what follows the ? cannot be read")
	}
	switch named := values.Get("namespace"); {
	case named == namespace:
		return raw, nil
	case named != "":
		return "", misconfigured("--namespace says %q, the store's URL says %q", namespace, named)
	case found && query != "":
		return raw + "&namespace=" + url.QueryEscape(namespace), nil
	}
	return strings.TrimSuffix(raw, "?") + "?namespace=" + url.QueryEscape(namespace), nil
}

// open opens the store.
func (p storePlace) open(ctx context.Context) (store.Store, error) {
	switch p.kind {
	case inMemory:
		return orNone(localstore.OpenMemory())
	case inFolder:
		st, err := localstore.Open(ctx, p.at)
		if errors.Is(err, localstore.ErrTaken) {
			return nil, failed("%w", err).with("one process at a time may have an embedded store; several servers share a Redis")
		}
		return orNone(st, err)
	default:
		return orNone(redisstore.Open(ctx, p.at))
	}
}

// orNone makes no store of a failed one: a nil pointer in an interface is not nil.
func orNone[S store.Store](st S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return st, nil
}
