package callback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// Bounds of an answer: what is read of it, so that who answers is not cut off
// in the middle of a word. Nothing of it is kept.
const (
	maxAnswer  = 64 << 10 // bytes
	maxHeaders = 64 << 10 // bytes
	maxText    = 200      // bytes of what is told of a try
)

// newClient dials only what the policy allows. It has no proxy, which would
// dial in its place, and keeps no connection, which would pass by the check.
func newClient(p Policy) *http.Client {
	dialer := &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return p.checkDial(address)
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaders,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refusal is an error of the policy.
type refusal struct{ error }

// checkDial is asked with the very address that is about to be connected.
func (p Policy) checkDial(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusal{fmt.Errorf("dial %q: %w", address, err)}
	}
	if err := p.Check(at.Addr()); err != nil {
		return refusal{err}
	}
	return nil
}

// target is the URL with what is said of the job added to its query.
func target(job *scheduler.Job) string {
	base, _, _ := strings.Cut(job.Callback.URL, "#")
	success, short := job.CallbackFacts()
	// In the order of the predecessor, which url.Values would not keep.
	facts := "success=" + success + "&job_id=" + strconv.FormatInt(int64(job.ID), 10) + "&short_result=" + url.QueryEscape(short)
	switch {
	case !strings.Contains(base, "?"):
		return base + "?" + facts
	case strings.HasSuffix(base, "?") || strings.HasSuffix(base, "&"):
		return base + facts
	}
	return base + "&" + facts
}

// outcome is the kind of what came of a try, for the metrics.
type outcome string

const (
	delivered outcome = "delivered"
	answered  outcome = "answered" // with a status that is not 2xx
	refused   outcome = "refused"  // the address is not allowed
	silent    outcome = "silent"   // no answer in time
	failed    outcome = "failed"   // no connection, no TLS, no HTTP
	unsent    outcome = "unsent"   // the server stops
)

// outcomes lists all of them.
var outcomes = []outcome{delivered, answered, refused, silent, failed, unsent}

// errStops cancels what a server that stops cannot wait for.
var errStops = errors.New("the server stops")

// try sends once, and says in words how that went.
func (s *Sender) try(ctx context.Context, job *scheduler.Job) (outcome, string) {
	limit := s.opts.Scheduler.Timing().CallbackTry
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target(job), nil)
	if err != nil {
		return failed, "its URL cannot be sent"
	}
	req.Header.Set("User-Agent", "mlq/"+s.opts.Version)
	resp, err := s.client.Do(req)
	if err != nil {
		return explain(ctx, err, limit)
	}
	defer resp.Body.Close()                                          //nolint:errcheck // the status is the answer
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // likewise
	return judge(resp.StatusCode)
}

func judge(status int) (outcome, string) {
	text := "it answered " + strconv.Itoa(status)
	switch status / 100 {
	case 2:
		return delivered, text
	case 3:
		return answered, text + ", and redirects are not followed"
	}
	return answered, text
}

// explain tells why there is no answer, without the URL: it may hold a secret.
func explain(ctx context.Context, err error, limit time.Duration) (outcome, string) {
	var no refusal
	if at, is := errors.AsType[*url.Error](err); is {
		err = at.Err
	}
	switch {
	case errors.Is(context.Cause(ctx), errStops):
		return unsent, errStops.Error()
	case errors.As(err, &no):
		return refused, no.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return silent, fmt.Sprintf("no answer within %s", limit)
	}
	return failed, cut(err.Error())
}

func cut(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
