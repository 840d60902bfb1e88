// Package secrets keeps users' secrets in the store, sealed, for their jobs.
//
// Records, all in the group auth: that only servers may touch:
//
//	auth:secret:<name>:<user>  a secret: sealed, with the id of its key and when it was set
//	auth:secrets               index of secrets (member: user, NUL, name)
//	auth:secretkey             the id of the key that new secrets are sealed with
//
// The keys lie in a file beside the store, never in it: who has one of the two
// alone has nothing. A secret is sealed with AES-256-GCM over its user and its
// name, so that a record that was put in another one's place does not open.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Limits of secrets.
const (
	MaxValue   = 16 << 10 // bytes of one
	MaxSecrets = 100      // of one user
)

// Sentinels of this package.
var (
	// ErrNotFound: the user has no such secret.
	ErrNotFound = errors.New("no such secret")
	// ErrInvalid: a name or a value that cannot be, or one too many.
	ErrInvalid = errors.New("invalid secret")
	// ErrKey: this server has not the key that the store's secrets are sealed with, or cannot
	// use the file that it is in. What it wraps is for admins.
	ErrKey = errors.New("this server cannot open secrets; its log says why")
)

// MissingError names a secret that its user does not have. It is an ErrNotFound.
type MissingError struct{ Name string }

// Error names the secret.
func (e *MissingError) Error() string { return "no such secret: " + e.Name }

// Unwrap makes it an ErrNotFound.
func (e *MissingError) Unwrap() error { return ErrNotFound }

// ErrDamaged: a secret cannot be read or opened, as something changed it in the store, or the key that
// it was sealed with is in no file any more.
var ErrDamaged = errors.New("damaged in the store, or its key is lost")

// DamagedError names a secret that is an ErrDamaged.
type DamagedError struct{ Name string }

// Error names the secret.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the secret %s is %v: set it again", e.Name, ErrDamaged)
}

// Unwrap makes it an ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// Secret is what anybody is told of a secret.
type Secret struct {
	Name string    `json:"name"`
	Set  time.Time `json:"set"`
	// Damaged: its record cannot be read, nor when it was set. One that can be read and not be opened
	// is known only by who opens it.
	Damaged bool `json:"damaged,omitempty"`
}

// Vault keeps secrets. Safe for concurrent use.
type Vault struct {
	store store.Store
	keys  *keyFile
}

// New returns the secrets of a store, whose keys are in the file at path. The file
// is made when the first secret is set.
func New(st store.Store, path string) *Vault { return &Vault{store: st, keys: &keyFile{path: path}} }

// record is what is kept of a secret.
type record struct {
	Set time.Time `json:"set"`
	Key string    `json:"key"` // the id of its key
	Box []byte    `json:"box"` // nonce and ciphertext

	damaged bool
}

// decode reads a record as it is kept.
func decode(b []byte) *record {
	r := new(record)
	if json.Unmarshal(b, r) != nil {
		return &record{damaged: true}
	}
	return r
}

const (
	index     = "auth:secrets"
	keyRecord = "auth:secretkey"
)

// recordKey: a name has no colon, so that this is unambiguous whatever a user is called.
func recordKey(user, name string) string { return "auth:secret:" + name + ":" + user }

func member(user, name string) []byte { return []byte(user + "\x00" + name) }

// Set keeps a user's secret, in place of one of that name. Errors: ErrInvalid, ErrKey, those of the store.
func (v *Vault) Set(ctx context.Context, user, name, value string) (Secret, error) {
	if err := check(name, value); err != nil {
		return Secret{}, err
	}
	for {
		kept, done, err := v.set(ctx, user, name, value)
		if err != nil || done {
			return kept, err
		}
	}
}

func check(name, value string) error {
	switch {
	case !submission.SecretName(name):
		return fmt.Errorf("%w: want a name of letters, digits and _, at most %d bytes", ErrInvalid, submission.MaxText)
	case value == "":
		return fmt.Errorf("%w: the value is empty", ErrInvalid)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: the value has %d bytes, at most %d can be kept", ErrInvalid, len(value), MaxValue)
	case strings.ContainsRune(value, 0) || !utf8.ValidString(value):
		return fmt.Errorf("%w: the value is no text that a variable can have (UTF-8 without NUL)", ErrInvalid)
	}
	return nil
}

// set commits once; done is false where somebody changed it, or the key, meanwhile.
func (v *Vault) set(ctx context.Context, user, name, value string) (kept Secret, done bool, err error) {
	at := recordKey(user, name)
	answer, err := v.store.Read(ctx, store.Query{Keys: []string{keyRecord, at}, Counts: []store.Count{countOf(user), {Index: index, Cap: 1}}})
	if err != nil {
		return kept, false, fmt.Errorf("read a secret: %w", err)
	}
	if answer.Records[1].Version == 0 && answer.Counts[0] >= MaxSecrets {
		return kept, false, fmt.Errorf("%w: you have %d already", ErrInvalid, MaxSecrets)
	}
	named := namedBy(answer.Records[0])
	if answer.Counts[1] == 0 {
		named = "" // nothing is sealed: a key that was lost holds nobody up
	}
	k, err := v.keys.sealing(named)
	if err != nil {
		return kept, false, err
	}
	text, err := json.Marshal(record{Set: answer.Now, Key: k.id, Box: k.seal(user, name, value)})
	if err != nil {
		return kept, false, fmt.Errorf("encode a secret: %w", err)
	}
	result, err := v.store.Commit(ctx, store.Commit{
		Identity: answer.Identity,
		Guards:   []store.Guard{store.At(keyRecord, answer.Records[0].Version), store.At(at, answer.Records[1].Version)},
		Effects:  []store.Effect{store.Put(keyRecord, []byte(k.id)), store.Put(at, text), store.Index(index, member(user, name))},
	})
	if err != nil {
		return kept, false, fmt.Errorf("keep a secret: %w", err)
	}
	return Secret{Name: name, Set: answer.Now}, result.OK(), nil
}

func countOf(user string) store.Count {
	return store.Count{Index: index, From: []byte(user + "\x00"), To: []byte(user + "\x01")}
}

// Remove forgets a user's secrets of these names. Errors: ErrNotFound where one is not there, those of the store.
func (v *Vault) Remove(ctx context.Context, user string, names ...string) error {
	records, identity, err := v.read(ctx, user, names)
	if err != nil {
		return err
	}
	c := store.Commit{Identity: identity}
	for i, name := range names {
		if records[i] == nil {
			return &MissingError{name}
		}
		c.Effects = append(c.Effects, store.Delete(recordKey(user, name)), store.Unindex(index, member(user, name)))
	}
	result, err := v.store.Commit(ctx, c)
	if err == nil && !result.OK() {
		err = store.ErrUnavailable // the store was replaced meanwhile
	}
	if err != nil {
		return fmt.Errorf("remove a secret: %w", err)
	}
	return nil
}

// Forget removes all secrets of a user who is no more: a later one of the same name must not find them.
func (v *Vault) Forget(ctx context.Context, user string) error {
	names, err := v.Names(ctx, user)
	if err != nil || len(names) == 0 {
		return err
	}
	return v.Remove(ctx, user, names...)
}
