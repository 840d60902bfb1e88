// Package token writes and reads the texts of credentials. It keeps none.
//
//	mlq_<role>_<id>_<secret>_<crc>        belongs to a user; kept as a SHA-256 under its id
//	mlq_attempt_<job>_<n>_<secret>        belongs to an attempt; its hash stands in the job's record
//
// The fixed start lets scanners of repositories find a token that leaked, and
// the checksum refuses a mistyped one without asking the store.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"strconv"
	"strings"
)

// alphabet is base62: a double click in a terminal selects the whole token's part.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	idLength     = 10
	secretLength = 43 // more than 256 bits
	crcLength    = 6
	proofBytes   = 66 // a signature (internal/signing)
	proofLength  = 89 // of it in base62
	signedLength = idLength + proofLength
	// MaxLength is above that of every token.
	MaxLength = 160
)

// New makes a token for a role and returns its text and its id.
func New(role string) (text, id string) {
	id = random(idLength)
	body := "mlq_" + role + "_" + id + "_" + random(secretLength)
	return body + "_" + checksum(body), id
}

// Parse checks a token's form and returns its id.
func Parse(text string) (id string, ok bool) {
	parts := strings.Split(text, "_")
	if len(text) > MaxLength || len(parts) != 5 || parts[0] != "mlq" || len(parts[2]) != idLength {
		return "", false
	}
	body, sum := text[:len(text)-crcLength-1], parts[4]
	return parts[2], sum == checksum(body) && plain(parts[2])
}

// Hash is what may be kept of a token, or of an attempt's secret.
func Hash(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// NewSecret makes the secret of an attempt's token. Its Hash goes into the
// claim, before the number of the attempt is known.
func NewSecret() string { return random(secretLength) }

// SignedSecret is the secret of an attempt's token that its agent has signed: the id of
// the agent's own token, and the signature.
func SignedSecret(id string, signature []byte) string {
	digits := new(big.Int).SetBytes(signature).Text(62)
	return id + strings.Repeat("0", proofLength-len(digits)) + digits
}

// ParseSigned reads it.
func ParseSigned(secret string) (id string, signature []byte, ok bool) {
	if len(secret) != signedLength || !plain(secret) {
		return "", nil, false
	}
	n, ok := new(big.Int).SetString(secret[idLength:], 62)
	if !ok || n.BitLen() > 8*proofBytes {
		return "", nil, false
	}
	return secret[:idLength], n.FillBytes(make([]byte, proofBytes)), true
}

// Attempt writes the token of an attempt (MLQ_TOKEN in a job).
func Attempt(job int64, n int, secret string) string {
	return fmt.Sprintf("mlq_attempt_%d_%d_%s", job, n, secret)
}

// ParseAttempt reads an attempt's token; ok is false for every other text, also for
// one that writes the same numbers in another way.
func ParseAttempt(text string) (job int64, n int, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, "mlq_attempt_")
	parts := strings.Split(rest, "_")
	if !ok || len(text) > MaxLength || len(parts) != 3 || len(parts[2]) != secretLength && len(parts[2]) != signedLength {
		return 0, 0, "", false
	}
	job, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || job < 1 {
		return 0, 0, "", false
	}
	n, err = strconv.Atoi(parts[1])
	if err != nil || n < 1 || Attempt(job, n, parts[2]) != text {
		return 0, 0, "", false
	}
	return job, n, parts[2], true
}

func plain(s string) bool { return strings.Trim(s, alphabet) == "" }

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [crcLength]byte
	for i := range out {
		out[crcLength-1-i] = alphabet[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// random makes n characters; bytes that would favour some of them are thrown away.
func random(n int) string {
	out := make([]byte, 0, n)
	var buffer [64]byte
	for {
		rand.Read(buffer[:]) //nolint:errcheck // never fails
		for _, b := range buffer {
			if b >= 248 {
				continue
			}
			if out = append(out, alphabet[b%62]); len(out) == n {
				return string(out)
			}
		}
	}
}
