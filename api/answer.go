package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// ReadError makes the error of an answer that is no success: an *Error that
// unwraps to the sentinel of its code, so that errors.Is(err,
// scheduler.ErrQuota) holds on the client's side as it does on the server's.
// An answer that is not MLQ's (a proxy's page of HTML, say) becomes CodeBadAnswer.
// The caller closes the body.
func ReadError(response *http.Response) *Error {
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || media != mediaProblem {
		return notOurs(response)
	}
	e := &Error{}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err = errors.Join(err, json.Unmarshal(text, &e.Problem)); err != nil || e.Code == "" {
		return notOurs(response)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	if k, known := byCode[e.Code]; known {
		e.cause = k.sentinel
	}
	return e
}

func notOurs(response *http.Response) *Error {
	what := printable(response.Header.Get("Content-Type"))
	if what == "" {
		what = "no type of content"
	}
	e := refuse(CodeBadAnswer, "status "+strconv.Itoa(response.StatusCode)+" with "+what+" is no answer of MLQ; is the URL right, and does a proxy answer in its place?")
	e.Status = response.StatusCode
	return e
}
