// Package auth keeps users and their tokens in the store, and says who a token
// belongs to.
//
// Records, all in the group auth: that only servers may write:
//
//	auth:token:<id>   a token's SHA-256, user, role, end
//	auth:user:<name>  a user's unix account and limits
//	auth:host:<name>  a host that may join, with the SHA-256 of its code
//	auth:tokens       index of token ids
//	auth:users        index of user names
//	auth:signing      the id of the key that the servers sign with
//
// A token is shown once, when it is made; the store has its hash. A check is
// believed for CacheFor at most, so that a revoked token stops working within
// that time on every server, and at once on the one that revoked it.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// CacheFor is how long a server believes what it read about a token: less than the 5 s
// within which it is to stop everywhere, by as much as a request may take.
const CacheFor = 4 * time.Second

// Role says what a token may do.
type Role string

// The roles. An admin may do what a user and an agent may.
const (
	RoleUser    Role = "user"
	RoleAgent   Role = "agent"
	RoleAdmin   Role = "admin"
	RoleMetrics Role = "metrics"
	// RoleServer is that of a server that keeps its blobs with another one.
	RoleServer Role = "server"
	// RoleAttempt is that of the token that a running job has.
	RoleAttempt Role = "attempt"
)

// Sentinels of this package.
var (
	// ErrUnauthorized: malformed, unknown, expired or revoked; the caller
	// does not learn which.
	ErrUnauthorized = errors.New("no valid token")
	// ErrNotFound: no such token or user.
	ErrNotFound = errors.New("no such token")
	// ErrInvalid: a role, a name or an end that cannot be.
	ErrInvalid = errors.New("invalid")
)

// Identity is who acts.
type Identity struct {
	User  string
	Unix  string // account on hosts, "" if none
	Role  Role
	Token string // its id, for logs
	// Limits of the user; 0: the server's.
	MaxQueued  int
	MaxDevices int
	MaxTimeout time.Duration
	// Attempt: the job and attempt that a RoleAttempt belongs to.
	Job     int64
	Attempt int
}

// Token is what is kept of a token.
type Token struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Role    Role      `json:"role"`
	SHA256  []byte    `json:"sha256"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	// Public is the key that signs the tokens of jobs which this one's agent runs (attempt.go).
	Public *signing.PublicKey `json:"public,omitempty"`
}

// User is what is kept of a user.
type User struct {
	Name       string        `json:"name"`
	Unix       string        `json:"unix,omitempty"`
	Created    time.Time     `json:"created"`
	MaxQueued  int           `json:"max_queued,omitempty"`
	MaxDevices int           `json:"max_devices,omitempty"`
	MaxTimeout time.Duration `json:"max_timeout_ns,omitempty"`
}

// Tokens checks and keeps tokens. Safe for concurrent use.
type Tokens struct {
	store store.Store
	opts  Options
	links *signing.Ring
	cache cache
	told  atomic.Int64 // when the log was told of a forged record, in Unix nanoseconds
}

// Options of Tokens.
type Options struct {
	// Ring signs the records and links, and checks them; nil: records are not signed, as in
	// tests of other things, and links are good with this Tokens alone.
	Ring *signing.Ring
	Log  zerolog.Logger
}

// New returns the tokens of a store.
func New(st store.Store, o Options) *Tokens {
	return &Tokens{store: st, opts: o, links: linkRing(o.Ring)}
}

// Check says who a token belongs to. Errors: ErrUnauthorized, those of the store.
func (t *Tokens) Check(ctx context.Context, text string) (Identity, error) {
	id, ok := token.Parse(text)
	if !ok {
		return Identity{}, ErrUnauthorized
	}
	hash := token.Hash(text)
	if who, ok := t.cache.get(hash); ok {
		return who, nil
	}
	return t.read(ctx, id, text, hash)
}

func (t *Tokens) read(ctx context.Context, id, text string, hash [sha256.Size]byte) (Identity, error) {
	before := t.cache.before()
	who, left, err := t.look(ctx, id, text, hash)
	if err != nil {
		return Identity{}, err
	}
	t.cache.put(before, hash, who, left)
	return who, nil
}

// Recheck asks again for a token of a request that goes on: nothing that was read longer
// than age ago is believed, so that of many such requests one reads. Errors: as Check.
func (t *Tokens) Recheck(ctx context.Context, text string, age time.Duration) error {
	id, ok := token.Parse(text)
	if !ok {
		return ErrUnauthorized
	}
	hash := token.Hash(text)
	if t.cache.fresh(hash, age) {
		return nil
	}
	_, err := t.read(ctx, id, text, hash)
	return err
}

// look reads a token's record and its user's. The hash is compared in
// constant time; the id alone, which lists show, proves nothing.
func (t *Tokens) look(ctx context.Context, id, text string, hash [sha256.Size]byte) (Identity, time.Duration, error) {
	var kept Token
	answer, err := t.get(ctx, tokenKey(id), &kept)
	if absent(err) {
		return Identity{}, 0, ErrUnauthorized
	}
	if err != nil {
		return Identity{}, 0, err
	}
	expired := !kept.Expires.IsZero() && !answer.Now.Before(kept.Expires)
	if subtle.ConstantTimeCompare(hash[:], kept.SHA256) != 1 || expired {
		return Identity{}, 0, ErrUnauthorized
	}
	t.learnKey(ctx, kept, text, answer.Records[0].Version, answer.Identity)
	who := Identity{User: kept.User, Role: kept.Role, Token: id}
	left := CacheFor
	if !kept.Expires.IsZero() {
		left = min(left, kept.Expires.Sub(answer.Now))
	}
	return t.complete(ctx, who, left)
}

// complete adds what the user's record says.
func (t *Tokens) complete(ctx context.Context, who Identity, left time.Duration) (Identity, time.Duration, error) {
	var user User
	if _, err := t.get(ctx, userKey(who.User), &user); errors.Is(err, errForged) {
		return Identity{}, 0, ErrUnauthorized // nobody knows their account and limits
	} else if err != nil && !errors.Is(err, ErrNotFound) {
		return Identity{}, 0, err
	}
	who.Unix, who.MaxQueued, who.MaxDevices, who.MaxTimeout = user.Unix, user.MaxQueued, user.MaxDevices, user.MaxTimeout
	return who, left, nil
}

// get reads one record. Errors: ErrNotFound, errForged.
func (t *Tokens) get(ctx context.Context, key string, into any) (store.Answer, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{key}})
	if err != nil {
		return answer, fmt.Errorf("read %s: %w", key, err)
	}
	return answer, t.unseal(key, answer.Records[0], into)
}

func tokenKey(id string) string  { return "auth:token:" + id }
func userKey(name string) string { return "auth:user:" + name }

const (
	tokensIndex = "auth:tokens"
	usersIndex  = "auth:users"
)
