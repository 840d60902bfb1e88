package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// dialPatience bounds how long a command waits for a server's first answer
// beyond the time that it asked the server to wait.
const dialPatience = 60 * time.Second

// maxAnswer bounds an answer that is read into memory; results are streamed.
const maxAnswer = 64 << 20

// remote is a server as a command speaks to it.
type remote struct {
	base        string
	token       string
	fingerprint string // of its certificate, "" where authorities vouch for it
	pinFlag     string // what the command that speaks calls that
	http        *http.Client
}

// newRemote is the server at base. A fingerprint, if there is one, names the
// only certificate that is taken.
func newRemote(base, token, fingerprint string) (*remote, error) {
	return remoteAt(base, token, fingerprint, "--tls-fingerprint")
}

// firstRemote is the server that a command with --pin gets to know.
func firstRemote(base, pin string) (*remote, error) { return remoteAt(base, "", pin, "--pin") }

func remoteAt(base, token, fingerprint, pinFlag string) (*remote, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, misconfigured("server %q: want a URL as %s", base, defaultServer)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
	transport.ResponseHeaderTimeout = dialPatience
	if fingerprint != "" {
		p, err := readPin(fingerprint)
		if err != nil {
			return nil, misconfigured("%s: %w", pinFlag, err)
		}
		transport.TLSClientConfig = p.config()
	}
	client := &http.Client{Transport: transport, CheckRedirect: refuseRedirect}
	return &remote{strings.TrimRight(base, "/"), token, fingerprint, pinFlag, client}, nil
}

// refuseRedirect: a token goes to the server that was named, and nowhere else.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// get asks for JSON.
func (r *remote) get(ctx context.Context, path string, query url.Values, out any) error {
	return r.send(ctx, http.MethodGet, path, query, nil, out)
}

// send sends a JSON body, if there is one, and reads a JSON answer into out,
// if that is not nil.
func (r *remote) send(ctx context.Context, method, path string, query url.Values, body, out any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		content = bytes.NewReader(text)
	}
	response, err := r.do(ctx, method, path, query, content)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(out); err != nil {
		return badAnswer(r.base, err)
	}
	return nil
}

// do sends a request and returns its answer if that is a success. The caller
// closes the body.
func (r *remote) do(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	request, err := r.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return r.answer(request)
}

func (r *remote) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	target := r.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	return request, nil
}

func (r *remote) answer(request *http.Request) (*http.Response, error) {
	response, err := r.http.Do(request)
	if err != nil {
		return nil, r.unreachable(request.Context(), err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close() //nolint:errcheck // only read
		return nil, problemOf(r.base, response)
	}
	return response, nil
}

func (r *remote) unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL is in our words already
	}
	if _, unknown := errors.AsType[*tls.CertificateVerificationError](err); unknown || errors.Is(err, errPin) {
		return failed("no secure connection to %s: %w", r.base, err).
			with("compare the fingerprint that the server printed, and name it with %s", r.pinInWords())
	}
	return failed("no server at %s: %w", r.base, err).
		with("start one with mlq dev, or name another: mlq login URL, --server URL or MLQ_URL")
}

func (r *remote) pinInWords() string {
	if r.pinFlag == "--pin" {
		return r.pinFlag
	}
	return r.pinFlag + " (MLQ_TLS_FINGERPRINT)"
}

// problemOf turns an answer that is no success into the error that it tells of.
func problemOf(base string, response *http.Response) error {
	e := api.ReadError(response)
	if e.Code == api.CodeBadAnswer {
		return badAnswer(base, e)
	}
	return e
}

func badAnswer(base string, err error) error {
	hint := "check the server's URL (mlq login URL, --server URL or MLQ_URL)"
	if strings.HasPrefix(base, "http://") {
		hint += "; one with a certificate has https://"
	}
	return failed("what answers at %s is not MLQ: %w", base, err).with("%s", hint)
}

// has reports whether err is a problem of that code.
func has(err error, code api.Code) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code == code
}
