package auth

import (
	"context"
	"encoding/json"
	"errors"
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
	kept, err := t.keep(ctx, w, text, id)
	return text, kept, err
}

// keep keeps the hash of a token; it starts over while somebody else changes its user.
func (t *Tokens) keep(ctx context.Context, w Wanted, text, id string) (Token, error) {
	hash := token.Hash(text)
	for {
		kept, done, err := t.create(ctx, w, Token{ID: id, User: w.User, Role: w.Role, SHA256: hash[:]})
		if err != nil || done {
			return kept, err
		}
	}
}

// create commits once; done is false where somebody changed the user meanwhile.
func (t *Tokens) create(ctx context.Context, w Wanted, kept Token) (Token, bool, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{userKey(w.User)}})
	if err != nil {
		return kept, false, fmt.Errorf("read a user: %w", err)
	}
	kept.Created = answer.Now
	if w.Expires > 0 {
		kept.Expires = answer.Now.Add(w.Expires)
	}
	user, err := w.user(answer)
	if err != nil {
		return kept, false, err
	}
	commit, err := tokenCommit(answer, kept, user)
	if err != nil {
		return kept, false, err
	}
	result, err := t.store.Commit(ctx, commit)
	if err != nil {
		return kept, false, fmt.Errorf("keep a token: %w", err)
	}
	t.cache.forget(func(who Identity) bool { return who.User == w.User })
	return kept, result.OK(), nil
}

// user is the record that the token's user has afterwards.
func (w Wanted) user(answer store.Answer) (User, error) {
	user := User{Name: w.User, Created: answer.Now}
	if answer.Records[0].Version != 0 {
		if err := json.Unmarshal(answer.Records[0].Value, &user); err != nil {
			return user, fmt.Errorf("read a user: %w", err)
		}
	}
	if w.Unix != "" {
		user.Unix = w.Unix
	}
	return user, nil
}

func tokenCommit(answer store.Answer, kept Token, user User) (store.Commit, error) {
	tokenText, err := json.Marshal(kept)
	if err != nil {
		return store.Commit{}, fmt.Errorf("encode a token: %w", err)
	}
	userText, err := json.Marshal(user)
	if err != nil {
		return store.Commit{}, fmt.Errorf("encode a user: %w", err)
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

// List returns all tokens, in the order of their ids, without their secrets.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	return list[Token](ctx, t.store, tokensIndex, tokenKey)
}

// Users returns all users, by name.
func (t *Tokens) Users(ctx context.Context) ([]User, error) {
	return list[User](ctx, t.store, usersIndex, userKey)
}

const maxListed = 10_000

// list reads the records that an index names. One that was deleted between
// the two reads is left out.
func list[T any](ctx context.Context, st store.Store, index string, key func(string) string) ([]T, error) {
	members, err := st.Read(ctx, store.Query{Ranges: []store.Range{{Index: index, Limit: maxListed}}})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", index, err)
	}
	keys := make([]string, len(members.Ranges[0]))
	for i, member := range members.Ranges[0] {
		keys[i] = key(string(member))
	}
	records, err := st.Read(ctx, store.Query{Keys: keys})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", index, err)
	}
	all := make([]T, 0, len(keys))
	for _, r := range records.Records {
		var one T
		if r.Version == 0 {
			continue
		}
		if err := json.Unmarshal(r.Value, &one); err != nil {
			return nil, errors.Join(fmt.Errorf("list %s", index), err)
		}
		all = append(all, one)
	}
	return all, nil
}
