package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// SignAll signs anew, with the first key, the records that another valid key has signed;
// with adopt also those that none has. It returns how many it signed, and how many it
// left as they were because no valid key has signed them, or because they are no records
// of what their keys say. Codes to join with are not among
// them: they live for minutes.
func (t *Tokens) SignAll(ctx context.Context, adopt bool) (signed, refused int, err error) {
	all := func(keys []string) error {
		for _, key := range keys {
			done, err := t.signOne(ctx, key, adopt)
			if err != nil {
				return err
			}
			signed, refused = signed+count(done == signedNow), refused+count(done == leftForged)
		}
		return nil
	}
	for index, key := range map[string]func(string) string{tokensIndex: tokenKey, usersIndex: userKey} {
		if err := t.pages(ctx, index, key, all); err != nil {
			return signed, refused, err
		}
	}
	return signed, refused, nil
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

type signedOne int

const (
	asItWas signedOne = iota
	signedNow
	leftForged
)

// signOne signs one record. One that is another by the time of the commit is looked at
// again: another server, which signs with an older key yet, may have written it.
func (t *Tokens) signOne(ctx context.Context, key string, adopt bool) (signedOne, error) {
	for {
		answer, err := t.store.Read(ctx, store.Query{Keys: []string{key}})
		if err != nil {
			return asItWas, fmt.Errorf("read %s: %w", key, err)
		}
		r := answer.Records[0]
		text, sig := cutSeal(r.Value)
		valid := t.genuine(key, r.Value) == nil
		switch {
		case r.Version == 0, valid && t.opts.Ring.IsFirst(sig):
			return asItWas, nil
		case !valid && !adopt, !readable(key, text):
			return leftForged, nil
		}
		result, err := t.store.Commit(ctx, store.Commit{
			Identity: answer.Identity, Guards: []store.Guard{store.At(key, r.Version)}, Effects: []store.Effect{store.Put(key, t.signed(key, text))},
			Freeing: true, // else no server would start on a full store, and none could make room
		})
		if err != nil {
			return asItWas, fmt.Errorf("sign %s: %w", key, err)
		}
		if result.OK() {
			return signedNow, nil
		}
	}
}

// readable reports whether a record of a token or user is one, and the one of its key. A
// genuine one that is not would end each list of all; so it is not made genuine.
func readable(key string, text []byte) bool {
	if !bytes.HasSuffix(text, []byte("}")) { // in whose place the signature goes
		return false
	}
	var k Token
	var u User
	if json.Unmarshal(text, &k) == nil && k.ID != "" && key == tokenKey(k.ID) {
		return true
	}
	return json.Unmarshal(text, &u) == nil && u.Name != "" && key == userKey(u.Name)
}

// replace puts a record in the place of the one that was read, if that is still there.
func (t *Tokens) replace(ctx context.Context, key string, value any, version uint64, identity string) error {
	text, err := t.seal(key, value)
	if err != nil {
		return err
	}
	_, err = t.store.Commit(ctx, store.Commit{
		Identity: identity, Guards: []store.Guard{store.At(key, version)}, Effects: []store.Effect{store.Put(key, text)},
		Freeing: true, // as in signOne
	})
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	return nil
}
