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
//
// A token is shown once, when it is made; the store has its hash. A check is
// believed for CacheFor at most, so that a revoked token stops working within
// that time on every server, and at once on the one that revoked it.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// CacheFor is how long a server believes what it read about a token.
const CacheFor = 5 * time.Second

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
	cache cache
}

// New returns the tokens of a store.
func New(st store.Store) *Tokens { return &Tokens{store: st} }

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
	who, expires, err := t.look(ctx, id, hash)
	if err != nil {
		return Identity{}, err
	}
	t.cache.put(hash, who, expires)
	return who, nil
}

// look reads a token's record and its user's. The hash is compared in
// constant time; the id alone, which lists show, proves nothing.
func (t *Tokens) look(ctx context.Context, id string, hash [sha256.Size]byte) (Identity, time.Duration, error) {
	var kept Token
	answer, err := t.get(ctx, tokenKey(id), &kept)
	if errors.Is(err, ErrNotFound) {
		return Identity{}, 0, ErrUnauthorized
	}
	if err != nil {
		return Identity{}, 0, err
	}
	expired := !kept.Expires.IsZero() && !answer.Now.Before(kept.Expires)
	if subtle.ConstantTimeCompare(hash[:], kept.SHA256) != 1 || expired {
		return Identity{}, 0, ErrUnauthorized
	}
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
	if _, err := t.get(ctx, userKey(who.User), &user); err != nil && !errors.Is(err, ErrNotFound) {
		return Identity{}, 0, err
	}
	who.Unix, who.MaxQueued, who.MaxDevices, who.MaxTimeout = user.Unix, user.MaxQueued, user.MaxDevices, user.MaxTimeout
	return who, left, nil
}

// get reads one record as JSON.
func (t *Tokens) get(ctx context.Context, key string, into any) (store.Answer, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{key}})
	if err != nil {
		return answer, fmt.Errorf("read %s: %w", key, err)
	}
	if answer.Records[0].Version == 0 {
		return answer, ErrNotFound
	}
	if err := json.Unmarshal(answer.Records[0].Value, into); err != nil {
		return answer, fmt.Errorf("read %s: %w", key, err)
	}
	return answer, nil
}

func tokenKey(id string) string  { return "auth:token:" + id }
func userKey(name string) string { return "auth:user:" + name }

const (
	tokensIndex = "auth:tokens"
	usersIndex  = "auth:users"
)
