package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// CodeFor is how long a join code is good: long enough to walk to the host,
// too short to be worth finding in a shell's history.
const CodeFor = 15 * time.Minute

// Sentinels of joining.
var (
	// ErrCode: no such code; the caller does not learn whether there is such a host.
	ErrCode = errors.New("no such code")
	// ErrCodeUsed: another joiner has redeemed it.
	ErrCodeUsed = errors.New("the code was used already")
	// ErrCodeExpired: it was good for CodeFor.
	ErrCodeExpired = errors.New("the code has expired")
	// ErrHostTaken: another machine has this name.
	ErrHostTaken = errors.New("the name is taken")
)

// admission is what is kept of a host that may join: auth:host:<name>. The
// code is "<name>:<secret>", so that one record per host is all there is.
type admission struct {
	Host    string    `json:"host"`
	Code    []byte    `json:"code_sha256"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Token   string    `json:"token,omitempty"` // id of the agent's token; "": not redeemed yet
}

func hostKey(name string) string { return "auth:host:" + name }

// AddHost makes a code with which one machine can join as host name, once, and
// says until when. An older code of that host is worth nothing any more.
// Errors: ErrInvalid, ErrHostTaken where an agent's token has that name, those of the store.
func (t *Tokens) AddHost(ctx context.Context, name string) (code string, expires time.Time, err error) {
	if !validName(name) || strings.Contains(name, "@") {
		return "", expires, fmt.Errorf("%w host: want 1 to 64 letters, digits and . _ -", ErrInvalid)
	}
	code = name + ":" + token.NewSecret()
	hash := token.Hash(code)
	for {
		answer, err := t.store.Read(ctx, store.Query{Keys: []string{hostKey(name)}})
		if err != nil {
			return "", expires, fmt.Errorf("read a host: %w", err)
		}
		// After the read of the host's record, which a machine that joins
		// meanwhile changes.
		taken, err := t.ofHost(ctx, name)
		if err != nil {
			return "", expires, err
		}
		if len(taken) > 0 {
			return "", expires, fmt.Errorf("%w: host %s has joined", ErrHostTaken, name)
		}
		a := admission{Host: name, Code: hash[:], Created: answer.Now, Expires: answer.Now.Add(CodeFor)}
		done, err := t.commit(ctx, answer, []store.Guard{store.At(hostKey(name), answer.Records[0].Version)}, record{hostKey(name), a})
		if err != nil || done {
			return code, a.Expires, err
		}
	}
}

// Join gives the machine that has a code a token, which that machine has made
// itself: so an answer that is lost costs nothing, and the same request again
// has the same answer. admit, asked before anything changes, may refuse the
// host. Errors: ErrCode, ErrCodeUsed, ErrCodeExpired, ErrInvalid, admit's,
// those of the store.
func (t *Tokens) Join(ctx context.Context, code, text string, admit func(host string) error) (Token, error) {
	id, ok := token.Parse(text)
	if !ok || !strings.HasPrefix(text, "mlq_"+string(RoleAgent)+"_") {
		return Token{}, fmt.Errorf("%w token: want one that mlq agent join has made", ErrInvalid)
	}
	name, _, _ := strings.Cut(code, ":")
	if !validName(name) {
		return Token{}, ErrCode
	}
	for {
		kept, done, err := t.join(ctx, name, code, id, text, admit)
		if err != nil || done {
			return kept, err
		}
	}
}

// join commits once; done is false where somebody changed the host meanwhile.
func (t *Tokens) join(ctx context.Context, name, code, id, text string, admit func(host string) error) (Token, bool, error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{hostKey(name), tokenKey(id)}})
	if err != nil {
		return Token{}, false, fmt.Errorf("read a host: %w", err)
	}
	var a admission
	var there Token
	if err := errors.Join(t.decode(hostKey(name), answer.Records[0], &a), t.decode(tokenKey(id), answer.Records[1], &there)); err != nil {
		return Token{}, false, err
	}
	hash := token.Hash(text)
	if repeated, err := a.judge(code, there, hash, answer.Now); err != nil || repeated {
		return there, true, err
	}
	if err := admit(name); err != nil {
		return Token{}, false, err
	}
	a.Token = id
	kept := Token{ID: id, User: name, Role: RoleAgent, SHA256: hash[:], Created: answer.Now}.withKey(text)
	done, err := t.commit(ctx, answer, []store.Guard{
		store.At(hostKey(name), answer.Records[0].Version), store.At(tokenKey(id), 0),
	}, record{hostKey(name), a}, record{tokenKey(id), kept})
	return kept, done, err
}

// judge decides whether a machine may join with a code: for the first time, or,
// repeated, because it did so already. there is the token of the id that it made.
func (a admission) judge(code string, there Token, hash [sha256.Size]byte, now time.Time) (repeated bool, err error) {
	given, own := token.Hash(code), make([]byte, sha256.Size)
	copy(own, a.Code) // of no host: zeros, which no code has
	switch {
	case subtle.ConstantTimeCompare(given[:], own) != 1:
		return false, ErrCode
	case a.Token != "" && a.Token == there.ID && there.User == a.Host && subtle.ConstantTimeCompare(there.SHA256, hash[:]) == 1:
		return true, nil
	case a.Token != "":
		return false, ErrCodeUsed
	case !now.Before(a.Expires):
		return false, ErrCodeExpired
	case there.ID != "":
		return false, fmt.Errorf("%w token: it is another's", ErrInvalid)
	}
	return false, nil
}

// RemoveHost ends the tokens of a host's agents and its code. It returns the
// ids of the tokens. Errors: ErrNotFound where there is neither, those of the store.
func (t *Tokens) RemoveHost(ctx context.Context, name string) (ended []string, err error) {
	answer, err := t.store.Read(ctx, store.Query{Keys: []string{hostKey(name)}})
	if err != nil {
		return nil, fmt.Errorf("read a host: %w", err)
	}
	// The code first: nobody joins with it while the tokens are being ended.
	result, err := t.store.Commit(ctx, store.Commit{Identity: answer.Identity, Effects: []store.Effect{store.Delete(hostKey(name))}})
	if err != nil {
		return nil, fmt.Errorf("remove a host: %w", err)
	}
	if !result.OK() {
		return nil, fmt.Errorf("remove a host: %w", store.ErrUnavailable) // the store was replaced meanwhile
	}
	tokens, err := t.ofHost(ctx, name)
	for _, k := range tokens {
		if gone := t.Revoke(ctx, k.ID); gone != nil && !errors.Is(gone, ErrNotFound) {
			return ended, gone
		}
		ended = append(ended, k.ID)
	}
	if err == nil && len(ended) == 0 && answer.Records[0].Version == 0 {
		err = ErrNotFound
	}
	return ended, err
}

// ofHost lists the tokens of a host's agents, NAME@… of some of its devices among them.
func (t *Tokens) ofHost(ctx context.Context, name string) ([]Token, error) {
	all, err := t.List(ctx)
	return slices.DeleteFunc(all, func(k Token) bool { return k.Role != RoleAgent || !scheduler.IsHost(name, k.User) }), err
}

// record is a value that is to be kept as JSON.
type record struct {
	key   string
	value any
}

// commit puts records if all guards hold; tokens among them are listed.
func (t *Tokens) commit(ctx context.Context, answer store.Answer, guards []store.Guard, records ...record) (done bool, err error) {
	c := store.Commit{Identity: answer.Identity, Guards: guards}
	for _, r := range records {
		text, err := t.seal(r.key, r.value)
		if err != nil {
			return false, err
		}
		c.Effects = append(c.Effects, store.Put(r.key, text))
		if kept, ok := r.value.(Token); ok {
			c.Effects = append(c.Effects, store.Index(tokensIndex, []byte(kept.ID)))
		}
	}
	result, err := t.store.Commit(ctx, c)
	if err != nil {
		return false, fmt.Errorf("keep %s: %w", records[0].key, err)
	}
	return result.OK(), nil
}

// decode reads a record; one that is not there leaves into as it is, and so one that no
// server has written, which is worth no code: ErrCode.
func (t *Tokens) decode(key string, r store.Record, into any) error {
	err := t.unseal(key, r, into)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, errForged):
		return ErrCode
	}
	return err
}
