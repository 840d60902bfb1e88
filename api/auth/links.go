package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// linkKey is the record of the key that signs links: one for all servers of a
// store, which none but they can read.
const linkKey = "auth:link-key"

// linkKeySize in bytes: that of the hash, as RFC 2104 advises.
const linkKeySize = sha256.Size

// SignLink makes a link to a path for who asks. Errors: those of the store.
func (t *Tokens) SignLink(ctx context.Context, who Identity, path string, ttl time.Duration) (Link, string, error) {
	for {
		answer, err := t.store.Read(ctx, store.Query{Keys: []string{linkKey}})
		if err != nil {
			return Link{}, "", fmt.Errorf("read the key of links: %w", err)
		}
		if key := answer.Records[0]; key.Version != 0 {
			link := Link{Path: path, Token: who.Token, Expires: answer.Now.Add(ttl).Truncate(time.Second)}
			return link, base64.RawURLEncoding.EncodeToString(link.mac(key.Value, who.User)), nil
		}
		if err := t.makeLinkKey(ctx, answer.Identity); err != nil {
			return Link{}, "", err
		}
	}
}

// makeLinkKey commits a key where there is none yet. Of several servers at once
// one wins, and all read its key afterwards.
func (t *Tokens) makeLinkKey(ctx context.Context, identity string) error {
	key := make([]byte, linkKeySize)
	_, _ = rand.Read(key) // never fails
	_, err := t.store.Commit(ctx, store.Commit{
		Identity: identity,
		Guards:   []store.Guard{store.At(linkKey, 0)},
		Effects:  []store.Effect{store.Put(linkKey, key)},
	})
	if err != nil {
		return fmt.Errorf("make the key of links: %w", err)
	}
	return nil
}

// mac names the user, the token, the path with its job, and the end.
func (l Link) mac(key []byte, user string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.Join([]string{"mlq link 1", user, l.Token, l.Path, strconv.FormatInt(l.Expires.Unix(), 10)}, "\n")))
	return h.Sum(nil)
}

// CheckLink says as whom a link reads, and for how long still. owner is whom
// mlq dev knows without a token; nil: nobody. Nothing of it is remembered, so
// that a revoked token ends its links at once on every server. Errors: ErrBadLink,
// ErrLinkExpired, those of the store.
func (t *Tokens) CheckLink(ctx context.Context, l Link, signature string, owner *Identity) (Identity, time.Duration, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{linkKey, tokenKey(l.Token)}})
	if err != nil {
		return Identity{}, 0, fmt.Errorf("read the key of links: %w", err)
	}
	who, err := t.maker(answer, l, owner)
	if err != nil {
		return Identity{}, 0, err
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || answer.Records[0].Version == 0 || !hmac.Equal(given, l.mac(answer.Records[0].Value, who.User)) {
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
	err := t.unseal(tokenKey(l.Token), answer.Records[1], &kept)
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
