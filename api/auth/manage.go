package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Wanted describes a token to be made.
type Wanted struct {
	User    string
	Role    Role
	Unix    string        // sets the user's account where not ""
	Expires time.Duration // 0: never
}

const maxName = 64

// Create makes a token, and where it is a person's its user, if there is none
// yet: the user of an agent's token is its host. The text is returned here and
// never again. Errors: ErrInvalid, those of the store.
func (t *Tokens) Create(ctx context.Context, w Wanted) (string, Token, error) {
	if err := w.check(); err != nil {
		return "", Token{}, err
	}
	text, id := token.New(string(w.Role))
	kept, err := t.keep(ctx, w, text, id, false)
	return text, kept, err
}

// keep keeps the hash of a token, on a full store too where it is freeing; it starts over
// while somebody else changes its user.
func (t *Tokens) keep(ctx context.Context, w Wanted, text, id string, freeing bool) (Token, error) {
	hash := token.Hash(text)
	for {
		kept, done, err := t.create(ctx, w, Token{ID: id, User: w.User, Role: w.Role, SHA256: hash[:]}.withKey(text), freeing)
		if err != nil || done {
			return kept, err
		}
	}
}

// create commits once; done is false where somebody changed the user meanwhile.
func (t *Tokens) create(ctx context.Context, w Wanted, kept Token, freeing bool) (Token, bool, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{userKey(w.User)}})
	if err != nil {
		return kept, false, fmt.Errorf("read a user: %w", err)
	}
	kept.Created = answer.Now
	if w.Expires > 0 {
		kept.Expires = answer.Now.Add(w.Expires)
	}
	user, err := t.userOf(w, answer)
	if err != nil {
		return kept, false, err
	}
	commit, err := t.tokenCommit(answer, kept, user)
	if err != nil {
		return kept, false, err
	}
	commit.Freeing = freeing
	result, err := t.store.Commit(ctx, commit)
	if err != nil {
		return kept, false, fmt.Errorf("keep a token: %w", err)
	}
	t.cache.forget(func(who Identity) bool { return who.User == w.User })
	return kept, result.OK(), nil
}

// userOf is the record that the token's user has afterwards. One that no server has
// written counts for nothing.
func (t *Tokens) userOf(w Wanted, answer store.Answer) (User, error) {
	user := User{Name: w.User, Created: answer.Now}
	err := t.unseal(userKey(w.User), answer.Records[0], &user)
	if err != nil && !absent(err) {
		return user, err
	}
	if w.Unix != "" {
		user.Unix = w.Unix
	}
	return user, nil
}

func (t *Tokens) tokenCommit(answer store.Answer, kept Token, user User) (store.Commit, error) {
	tokenText, err := t.seal(tokenKey(kept.ID), kept)
	if err != nil {
		return store.Commit{}, err
	}
	userText, err := t.seal(userKey(user.Name), user)
	if err != nil {
		return store.Commit{}, err
	}
	c := store.Commit{
		Identity: answer.Identity,
		Guards:   []store.Guard{store.At(userKey(user.Name), answer.Records[0].Version)},
		Effects: []store.Effect{
			store.Put(tokenKey(kept.ID), tokenText),
			store.Index(tokensIndex, []byte(kept.ID)),
		},
	}
	if kept.Role.person() {
		c.Effects = append(c.Effects, store.Put(userKey(user.Name), userText), store.Index(usersIndex, []byte(user.Name)))
	}
	return c, nil
}

// person: whoever has such a token has a record among the users.
func (r Role) person() bool { return r == RoleUser || r == RoleAdmin }

func (w Wanted) check() error {
	switch w.Role {
	case RoleUser, RoleAgent, RoleAdmin, RoleMetrics, RoleServer:
	default:
		return fmt.Errorf("%w role: want user, agent, admin, metrics or server", ErrInvalid)
	}
	if !validName(w.User) {
		return errUserName
	}
	if w.Expires < 0 {
		return fmt.Errorf("%w end: already over", ErrInvalid)
	}
	if w.Unix != "" {
		return checkAccount(w.Unix)
	}
	return nil
}

var errUserName = fmt.Errorf("%w user: want 1 to 64 letters, digits and . _ @ -", ErrInvalid)

func checkAccount(name string) error {
	if !validName(name) {
		return fmt.Errorf("%w unix account: want 1 to 64 letters, digits and . _ @ -", ErrInvalid)
	}
	return nil
}

func validName(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '-' &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return !strings.ContainsRune("._@-", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}

// Revoke ends a token. Errors: ErrNotFound, those of the store.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{tokenKey(id)}})
	if err != nil {
		return fmt.Errorf("read a token: %w", err)
	}
	if answer.Records[0].Version == 0 {
		return ErrNotFound
	}
	result, err := t.store.Commit(ctx, store.Commit{
		Identity: answer.Identity,
		Effects:  []store.Effect{store.Delete(tokenKey(id)), store.Unindex(tokensIndex, []byte(id))},
	})
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	t.cache.forget(func(who Identity) bool { return who.Token == id })
	if !result.OK() {
		return fmt.Errorf("revoke a token: %w", store.ErrUnavailable) // the store was replaced meanwhile
	}
	return nil
}
