package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/api/data"
	"github.com/mlq-dev/mlq/api/secrets"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/scheduler"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// Error is an error of the HTTP interface: handlers return it, and the client
// rebuilds it from an answer. errors.Is sees through it to the scheduler's
// sentinels on both sides.
type Error struct {
	Problem
	RetryAfter time.Duration // 0: waiting does not help
	cause      error
}

// Error gives detail, or title.
func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	if e.Title != "" {
		return e.Title
	}
	return string(e.Code)
}

// Unwrap gives the cause: on the client's side the sentinel of the code.
func (e *Error) Unwrap() error { return e.cause }

// refuse makes an error of a code with words for the user.
func refuse(code Code, detail string) *Error {
	e := &Error{}
	e.Code, e.Detail = code, detail
	return e
}

// refuseField is refuse with the place of what is wrong.
func refuseField(code Code, pointer, detail string) *Error {
	e := refuse(code, detail)
	e.Errors = []FieldProblem{{printable(pointer), detail}}
	return e
}

// explain turns any error of a handler into one of the table. What is not in
// the table becomes internal, whose words the client never sees.
func explain(err error) *Error {
	e := classify(err)
	k := byCode[e.Code]
	e.Type, e.Title, e.Status = "urn:mlq:"+string(k.code), k.title, k.status
	if e.RetryAfter == 0 {
		e.RetryAfter = time.Duration(k.retryAfter) * time.Second
	}
	return e
}

func classify(err error) *Error {
	var e *Error
	var field *scheduler.FieldError
	var body *submission.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &body):
		return bodyError(body)
	case errors.As(err, &field):
		return refuseField(CodeInvalidField, "/"+field.Field, field.Error())
	}
	code, sentinel := codeOf(err)
	switch {
	case code == CodeDiskFull:
		return withCause(refuse(code, diskWords(sentinel)), err)
	case code == CodeStoreFull:
		return withCause(refuse(code, wordsFrom(err, sentinel)+" (an admin can make room: mlq purge, or more memory or disk for the store)"), err)
	case sentinel != nil:
		return withCause(refuse(code, wordsFrom(err, sentinel)), err)
	}
	return withCause(refuse(CodeInternal, "the server's log has more under this request_id"), err)
}

func bodyError(err *submission.Error) *Error {
	code := Code(err.Code)
	if err.Pointer == "" {
		return refuse(code, err.Detail)
	}
	return refuseField(code, err.Pointer, printable(err.Pointer)+": "+err.Detail)
}

func withCause(e *Error, cause error) *Error {
	e.cause = cause
	return e
}

// others maps the sentinels that have no row of their own.
var others = []struct {
	err  error
	code Code
}{
	{scheduler.ErrUnsigned, CodeForbidden},
	{auth.ErrUnauthorized, CodeUnauthorized},
	{auth.ErrNotFound, CodeNotFound},
	{auth.ErrNoUser, CodeNotFound},
	{auth.ErrInvalid, CodeInvalidField},
	{secrets.ErrNotFound, CodeNotFound},
	{secrets.ErrInvalid, CodeInvalidField},
	{data.ErrNotFound, CodeNotFound},
	{data.ErrInvalid, CodeInvalidField},
	{data.ErrTooMany, CodeQuota},
	{data.ErrDamaged, CodeDamaged},
	{secrets.ErrDamaged, CodeDamaged},
	{blob.ErrNotFound, CodeNotFound},
	{blob.ErrName, CodeNotFound},
	{blob.ErrDigest, CodeDigest},
	{blob.ErrTooLarge, CodeTooLarge},
	{blob.ErrGap, CodeLogGap},
	{syscall.ENOSPC, CodeDiskFull},
	{syscall.EDQUOT, CodeDiskFull},
	{syscall.EROFS, CodeDiskFull},
	{errMalformed, CodeBadRequest},
	{os.ErrDeadlineExceeded, CodeSlow},
	{context.DeadlineExceeded, CodeUnavailable},
}

// codeOf finds the code of an error by what it wraps, and which error that is; nil: none.
func codeOf(err error) (Code, error) {
	for _, k := range kinds {
		if k.sentinel != nil && errors.Is(err, k.sentinel) {
			return k.code, k.sentinel
		}
	}
	for _, o := range others {
		if errors.Is(err, o.err) {
			return o.code, o.err
		}
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return CodeTooLarge, large
	}
	return "", nil
}

// wordsFrom is an error's text without the names of our own steps before the
// sentinel's words: they say nothing to who reads the answer. Why the store, or
// the server that has the blobs, does not answer, with its address, or what is the
// matter with the secrets' key, is for the log only.
func wordsFrom(err, sentinel error) string {
	if errors.Is(sentinel, store.ErrUnavailable) || errors.Is(sentinel, blob.ErrAway) || errors.Is(sentinel, secrets.ErrKey) {
		return sentinel.Error()
	}
	text := err.Error()
	if i := strings.Index(text, sentinel.Error()); i > 0 {
		return text[i:]
	}
	return text
}

// printable cuts what a caller sent to 64 characters of plain ASCII before it
// goes back into an answer or a log line.
func printable(text string) string {
	const most = 64
	out := make([]byte, 0, most)
	for i := 0; i < len(text) && len(out) < most; i++ {
		if c := text[i]; c > ' ' && c < 0x7f && c != '<' && c != '>' && c != '&' {
			out = append(out, c)
		} else {
			out = append(out, '?')
		}
	}
	return string(out)
}
