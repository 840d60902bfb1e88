package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// errForged: no server has written this record.
var errForged = errors.New("a record that no server of this store has signed")

// A signed record is JSON whose last field is the signature over its key and all before:
// builds that do not know it skip it.
const (
	sealBegins = `,"sig":"`
	sealEnds   = `"}`
)

var sealSize = len(sealBegins) + base64.StdEncoding.EncodedLen(signing.Size) + len(sealEnds)

// seal encodes a record that is to lie under key.
func (t *Tokens) seal(key string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", key, err)
	}
	return t.signed(key, text), nil
}

func (t *Tokens) signed(key string, text []byte) []byte {
	if t.opts.Ring == nil {
		return text
	}
	sig := t.opts.Ring.Sign(signing.Record, []byte(key), text)
	text = append(text[:len(text)-1], sealBegins...)
	return append(base64.StdEncoding.AppendEncode(text, sig), sealEnds...)
}

// unseal decodes a record that lies under key. What was not written by a server is
// errForged, which the log tells of.
func (t *Tokens) unseal(key string, r store.Record, into any) error {
	if r.Version == 0 {
		return ErrNotFound
	}
	if err := t.genuine(key, r.Value); err != nil {
		t.tellForged(key, err)
		return fmt.Errorf("%w: %s: %w", errForged, key, err)
	}
	if err := json.Unmarshal(r.Value, into); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// absent: there is no record, or none that counts.
func absent(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, errForged) }

func (t *Tokens) genuine(key string, value []byte) error {
	if t.opts.Ring == nil {
		return nil
	}
	text, sig := cutSeal(value)
	return t.opts.Ring.Verify(signing.Record, sig, []byte(key), text)
}

// cutSeal gives the JSON that was signed, and the signature, nil if there is none.
func cutSeal(value []byte) (text, sig []byte) {
	at := len(value) - sealSize
	if at < 1 || !bytes.HasPrefix(value[at:], []byte(sealBegins)) || !bytes.HasSuffix(value, []byte(sealEnds)) {
		return value, nil
	}
	sig, err := base64.StdEncoding.DecodeString(string(value[at+len(sealBegins) : len(value)-len(sealEnds)]))
	if err != nil {
		return value, nil
	}
	return append(bytes.Clone(value[:at]), '}'), sig
}

// tellForgedEvery bounds the lines of the log: who has a forged record asks as often as
// they like.
const tellForgedEvery = time.Second

func (t *Tokens) tellForged(key string, err error) {
	now := time.Now().UnixNano()
	if last := t.told.Load(); now-last > int64(tellForgedEvery) && t.told.CompareAndSwap(last, now) {
		t.opts.Log.Error().Err(err).Str("key", key).Msg("a record of the store was not written by a server: somebody else wrote to the store, or another server has another key")
	}
}
