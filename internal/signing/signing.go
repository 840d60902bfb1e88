// Package signing signs what servers put into the store and others act on, so that
// whoever can only write to the store cannot make any of it (docs/signing.md).
//
// A Ring has the private key of a store's servers, a Set what it takes to check:
// the public keys, and the scope (the store's namespace) that signatures are good in.
package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// Kind is what is signed. What is signed as one kind is good as no other.
type Kind string

// The kinds. Each has its fields in one order (see who signs them).
const (
	// Job is a job's spec, and what of its record says how it runs.
	Job Kind = "job"
	// Function is a registered function.
	Function Kind = "function"
	// Record is a record of users, tokens and hosts, under its key.
	Record Kind = "record"
	// Attempt is the token of a running job.
	Attempt Kind = "attempt"
	// Link is a URL that is good without a token.
	Link Kind = "link"
)

// Sizes in bytes. A signature is that of Ed25519 behind a hint at its key, which is
// too short to prove anything: together they fill 88 characters of base 64.
const (
	hintSize = 2
	// Size of a signature.
	Size = hintSize + ed25519.SignatureSize
)

var (
	// ErrUnsigned: there is no signature, or it is none.
	ErrUnsigned = errors.New("it is not signed")
	// ErrUnknownKey: the key that it names is not in the set; a younger set may have it.
	ErrUnknownKey = errors.New("it is signed by a key that is not valid")
	// ErrAltered: the key is there, and has not signed this.
	ErrAltered = errors.New("its signature is of something else")
)

// Message is what is signed: the kind with this layout's version, then the scope and
// each field behind its length. No two lists of fields have the same one.
func Message(kind Kind, scope string, fields ...[]byte) []byte {
	size := 64 + len(scope)
	for _, f := range fields {
		size += len(f) + binary.MaxVarintLen32
	}
	m := append(make([]byte, 0, size), "mlq signed "+string(kind)+" 1\n"...)
	m = append(binary.AppendUvarint(m, uint64(len(scope))), scope...)
	for _, f := range fields {
		m = append(binary.AppendUvarint(m, uint64(len(f))), f...)
	}
	return m
}

// Set is what agents know. The zero value takes nothing for valid.
type Set struct {
	Scope string      `json:"scope"`
	Keys  []PublicKey `json:"keys"`
}

// Verify checks a signature. Errors: ErrUnsigned, ErrUnknownKey, ErrAltered.
func (s *Set) Verify(kind Kind, signature []byte, fields ...[]byte) error {
	if len(signature) != Size {
		return ErrUnsigned
	}
	err := fmt.Errorf("%w (%x…)", ErrUnknownKey, signature[:hintSize])
	message := Message(kind, s.Scope, fields...)
	for _, k := range s.Keys {
		if len(k.key) != ed25519.PublicKeySize || !bytes.Equal(k.hint(), signature[:hintSize]) {
			continue // a key without bytes is none: null in JSON
		}
		if ed25519.Verify(k.key, message, signature[hintSize:]) {
			return nil
		}
		err = ErrAltered
	}
	return err
}

// Equal reports whether two sets take the same for valid.
func (s *Set) Equal(other *Set) bool {
	if s.Scope != other.Scope || len(s.Keys) != len(other.Keys) {
		return false
	}
	for i := range s.Keys {
		if !bytes.Equal(s.Keys[i].key, other.Keys[i].key) {
			return false
		}
	}
	return true
}

// PublicKey checks signatures.
type PublicKey struct {
	key ed25519.PublicKey
	id  [8]byte // of the SHA-256 of key
}

func newPublicKey(raw []byte) (PublicKey, error) {
	if len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("a public key has %d bytes, not %d", ed25519.PublicKeySize, len(raw))
	}
	k := PublicKey{key: bytes.Clone(raw)}
	sum := sha256.Sum256(raw)
	copy(k.id[:], sum[:])
	return k, nil
}

// ID names the key to people: 16 hexadecimal digits.
func (k PublicKey) ID() string { return hex.EncodeToString(k.id[:]) }

func (k PublicKey) hint() []byte { return k.id[:hintSize] }

// MarshalText writes the key as 64 hexadecimal digits.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(k.key)), nil }

// UnmarshalText reads what MarshalText has written.
func (k *PublicKey) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil {
		return errors.New("a public key has 64 hexadecimal digits")
	}
	*k, err = newPublicKey(raw)
	return err
}

// Key signs.
type Key struct {
	PublicKey

	private ed25519.PrivateKey
}

// NewKey is the key of a seed of 32 bytes.
func NewKey(seed [ed25519.SeedSize]byte) Key {
	private := ed25519.NewKeyFromSeed(seed[:])
	public, err := newPublicKey(private.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // documented
	if err != nil {
		panic(err) // it has the size of a public key
	}
	return Key{public, private}
}

// Sign signs fields for a scope.
func (k Key) Sign(kind Kind, scope string, fields ...[]byte) []byte {
	out := append(make([]byte, 0, Size), k.hint()...)
	return append(out, ed25519.Sign(k.private, Message(kind, scope, fields...))...)
}

// Ring is what the servers of a store have: one key that signs, and all that are valid.
type Ring struct {
	Set

	first Key
}

// NewRing is a ring of keys, of which the first signs; the public ones are valid too.
func NewRing(scope string, first Key, others ...PublicKey) *Ring {
	return &Ring{Set{scope, append([]PublicKey{first.PublicKey}, others...)}, first}
}

// Sign signs fields with the first key.
func (r *Ring) Sign(kind Kind, fields ...[]byte) []byte {
	return r.first.Sign(kind, r.Scope, fields...)
}

// First is the key that signs.
func (r *Ring) First() PublicKey { return r.first.PublicKey }

// IsFirst reports whether a signature names the key that signs; it may still be forged.
func (r *Ring) IsFirst(signature []byte) bool {
	return len(signature) == Size && bytes.Equal(signature[:hintSize], r.first.hint())
}
