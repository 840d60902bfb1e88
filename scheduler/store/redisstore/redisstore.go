// Package redisstore is the store on Redis ≥ 7.0, alone or behind Sentinel.
//
// A commit is one script (commit.lua), which Redis runs as one step. A read is
// one pipeline on one connection that begins with a stamp (stamp.lua): which
// server answers, its time and the revision, so that whatever is read after it
// is at least as new as the revision says.
//
// All keys begin with mlq:{NAMESPACE}: and so lie in one hash slot. A record is
// a string VERSION:BYTES, a counter an integer, an index a sorted set whose
// scores are all 0, a log a stream with ids REVISION-SEQ; the revision is the
// counter live:rev. A topic is the channel mlq:{NAMESPACE}:TOPIC.
//
// go-redis is told not to repeat anything on its own account: whether to repeat
// is the caller's decision, who knows that a commit is safe to repeat and that
// an allocation is not the same one twice.
package redisstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// Store is a store.Store on a Redis server.
type Store struct {
	client *redis.Client
	target target
	prefix string // of all keys and channels

	revision string // the full key of the revision counter
	courier  *courier
	watches  *watches
	promised atomic.Int32 // the keep that Describe first told of
}

var _ store.Store = (*Store)(nil)

// Open connects to the server that url names and refuses one that cannot keep
// the store's promises (ErrConfig):
//
//	redis://user:password@host:port/db?namespace=NAME
//	rediss://…                          the same over TLS
//	unix:///path/to/socket?db=N&namespace=NAME
//	redis+sentinel://user:password@host:port,host:port/MASTER/db?namespace=NAME
//	rediss+sentinel://…                 the same over TLS, to the sentinels too
//
// Over TLS the options ca, cert and key name PEM files: whose certificates are
// trusted in place of the system's, and with what we prove who we are. Sentinels
// that ask for credentials of their own get sentinel_user and sentinel_password.
// Special characters of a password are written as %XX. No error shows one.
func Open(ctx context.Context, url string) (*Store, error) {
	t, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{client: t.client(), target: t, prefix: "mlq:{" + t.namespace + "}:"}
	s.revision = s.prefix + store.RevisionKey
	s.courier = newCourier(s.client)
	s.watches = newWatches(s.client, s.prefix)
	if _, err := s.accept(ctx); err != nil {
		s.Close()
		return nil, t.explain(err)
	}
	return s, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.watches.close()
	s.courier.close()
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return failure(err)
	}
	return nil
}

// key is a key's full name on the server.
func (s *Store) key(key string) string { return s.prefix + key }

func (s *Store) keys(keys []string) []string {
	full := make([]string, len(keys))
	for i, k := range keys {
		full[i] = s.key(k)
	}
	return full
}
