package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"time"

	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/internal/token"
	"github.com/mlq-dev/mlq/scheduler"
)

// The token of a running job acts as the job's user. Its hash lies in the job's record,
// which agents write, and whoever else can write to the store. So its secret is a
// signature of the job and the claim, by a key that follows from the agent's own token.

// attemptKey is the key of who has a token.
func attemptKey(text string) signing.Key {
	return signing.NewKey(sha256.Sum256([]byte("mlq key of attempts 1\n" + text)))
}

// SignAttempt makes the secret of a running job's token, as the agent whose token that is.
func SignAttempt(agent string, job scheduler.JobID, claim string) string {
	id, _ := token.Parse(agent)
	return token.SignedSecret(id, attemptKey(agent).Sign(signing.Attempt, "", attemptFields(job, claim)...))
}

// SignOwnAttempt is SignAttempt of an agent in the server's own process that has no token.
func SignOwnAttempt(r *signing.Ring, job scheduler.JobID, claim string) string {
	return token.SignedSecret(ownAgent, r.Sign(signing.Attempt, attemptFields(job, claim)...))
}

// ownAgent stands for a token's id. No token has it: theirs are drawn.
const ownAgent = "0000000000"

func attemptFields(job scheduler.JobID, claim string) [][]byte {
	return [][]byte{[]byte(strconv.FormatInt(int64(job), 10)), []byte(claim)}
}

// KnownAttempt is what was remembered of an attempt's secret, whose it is, where that was read
// less than age ago.
func (t *Tokens) KnownAttempt(secret string, age time.Duration) (Identity, bool) {
	hash := attemptHash(secret)
	who, ok := t.cache.get(hash)
	return who, ok && t.cache.fresh(hash, age)
}

func attemptHash(secret string) [sha256.Size]byte { return token.Hash("attempt " + secret) }

// CheckAttempt refuses the secret of an attempt that no agent of the host made which has
// its lease, and remembers who it is for. Errors: ErrUnauthorized, those of the store.
func (t *Tokens) CheckAttempt(ctx context.Context, secret, host, claim string, who Identity) error {
	id, sig, ok := token.ParseSigned(secret)
	if !ok {
		return ErrUnauthorized
	}
	fields := attemptFields(scheduler.JobID(who.Job), claim)
	before := t.cache.before()
	var err error
	if id == ownAgent {
		err = t.opts.Ring.Verify(signing.Attempt, sig, fields...)
	} else {
		err = t.checkByAgent(ctx, id, host, sig, fields)
	}
	switch {
	case errors.Is(err, signing.ErrAltered), errors.Is(err, signing.ErrUnknownKey), errors.Is(err, signing.ErrUnsigned), errors.Is(err, ErrNotFound):
		return ErrUnauthorized
	case err != nil:
		return err
	}
	t.cache.put(before, attemptHash(secret), who, CacheFor)
	return nil
}

// checkByAgent checks by the key of an agent's token.
func (t *Tokens) checkByAgent(ctx context.Context, id, host string, sig []byte, fields [][]byte) error {
	var kept Token
	answer, err := t.get(ctx, tokenKey(id), &kept)
	if err != nil {
		return err
	}
	expired := !kept.Expires.IsZero() && !answer.Now.Before(kept.Expires)
	mine := kept.Role == RoleAdmin || kept.Role == RoleAgent && (scheduler.IsHost(kept.User, host) || kept.User == host)
	if expired || !mine || kept.Public == nil {
		return ErrNotFound
	}
	set := signing.Set{Keys: []signing.PublicKey{*kept.Public}}
	return set.Verify(signing.Attempt, sig, fields...)
}

// works: such a token's owner can be an agent.
func (r Role) works() bool { return r == RoleAgent || r == RoleAdmin }

// withKey notes the public half of the key that follows from the token's text.
func (k Token) withKey(text string) Token {
	if k.Role.works() {
		public := attemptKey(text).PublicKey
		k.Public = &public
	}
	return k
}

// learnKey notes the key of a token from before there were any, now that its text is
// here. That it cannot be kept just now is told by no error: the next request does it.
func (t *Tokens) learnKey(ctx context.Context, kept Token, text string, version uint64, identity string) {
	if t.opts.Ring == nil || kept.Public != nil || !kept.Role.works() {
		return
	}
	if err := t.replace(ctx, tokenKey(kept.ID), kept.withKey(text), version, identity); err != nil {
		t.opts.Log.Warn().Err(err).Str("token", kept.ID).Msg("the key of an agent's token is noted later")
	}
}
