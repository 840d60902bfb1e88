package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Sentinels of links.
var (
	// ErrBadLink: forged, altered, or made with a token that was revoked, has expired, or
	// whose user is no more; the caller does not learn which.
	ErrBadLink = errors.New("no valid link")
	// ErrLinkExpired: it was good until then.
	ErrLinkExpired = errors.New("the link has expired")
)

// OwnerToken stands for the token of who started mlq dev, which needs none.
const OwnerToken = "owner"

// Link is what a signed link says of itself.
type Link struct {
	Path    string    // of the one GET that it is good for, escaped as in the request
	Token   string    // id of the token that it was made with
	Expires time.Time // whole seconds
}

// SignLink makes a link to a path for who asks. Errors: those of the store.
func (t *Tokens) SignLink(ctx context.Context, who Identity, path string, ttl time.Duration) (Link, string, error) {
	answer, err := t.store.Read(ctx, store.Query{}) // its clock is that of all servers
	if err != nil {
		return Link{}, "", fmt.Errorf("read the store's time: %w", err)
	}
	link := Link{Path: path, Token: who.Token, Expires: answer.Now.Add(ttl).Truncate(time.Second)}
	return link, base64.RawURLEncoding.EncodeToString(t.links.Sign(signing.Link, link.fields(who.User)...)), nil
}

// linkRing is what signs links: the servers' keys, so that nothing in the store can make
// one. Where there are none, a key that this process alone knows, and forgets.
func linkRing(ring *signing.Ring) *signing.Ring {
	if ring != nil {
		return ring
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails
	return signing.NewRing("", signing.NewKey(seed))
}

// fields name the user, the token, the path with its job, and the end.
func (l Link) fields(user string) [][]byte {
	return [][]byte{[]byte(user), []byte(l.Token), []byte(l.Path), []byte(strconv.FormatInt(l.Expires.Unix(), 10))}
}

// CheckLink says as whom a link reads, and for how long still. owner is whom
// mlq dev knows without a token; nil: nobody. Nothing of it is remembered, so
// that a revoked token ends its links at once on every server. Errors: ErrBadLink,
// ErrLinkExpired, those of the store.
func (t *Tokens) CheckLink(ctx context.Context, l Link, signature string, owner *Identity) (Identity, time.Duration, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{tokenKey(l.Token)}})
	if err != nil {
		return Identity{}, 0, fmt.Errorf("read the token of a link: %w", err)
	}
	who, err := t.maker(answer, l, owner)
	if err != nil {
		return Identity{}, 0, err
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || t.links.Verify(signing.Link, given, l.fields(who.User)...) != nil {
		return Identity{}, 0, ErrBadLink
	}
	left := l.Expires.Sub(answer.Now)
	if left <= 0 {
		return Identity{}, 0, ErrLinkExpired
	}
	if owner == nil || l.Token != OwnerToken {
		err = t.knows(ctx, who.User)
	}
	return who, left, err
}

// maker is who made a link, as the token's record says now.
func (t *Tokens) maker(answer store.Answer, l Link, owner *Identity) (Identity, error) {
	if l.Token == OwnerToken && owner != nil {
		return *owner, nil
	}
	var kept Token
	err := t.unseal(tokenKey(l.Token), answer.Records[0], &kept)
	if absent(err) {
		return Identity{}, ErrBadLink
	}
	if err != nil {
		return Identity{}, err
	}
	if !kept.Expires.IsZero() && !answer.Now.Before(kept.Expires) {
		return Identity{}, ErrBadLink
	}
	return Identity{User: kept.User, Role: kept.Role, Token: kept.ID}, nil
}

// knows refuses a user who was removed.
func (t *Tokens) knows(ctx context.Context, user string) error {
	_, err := t.get(ctx, userKey(user), &User{})
	if absent(err) {
		return ErrBadLink
	}
	return err
}
