package api_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/mlq-dev/mlq/api"
)

// secure puts a server under TLS, with a certificate for 127.0.0.1.
func secure(o *api.Options) {
	donor := httptest.NewTLSServer(http.NotFoundHandler())
	defer donor.Close()
	o.TLS = &tls.Config{Certificates: donor.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
}

// trusting is a client that knows the certificate.
func trusting(config *tls.Config) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(config.Certificates[0].Leaf)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}}
}

// h2 speaks the frames of HTTP/2 by hand.
type h2 struct {
	*world
	conn   *tls.Conn
	framer *http2.Framer
	next   uint32 // stream
}

func (w *world) h2() *h2 {
	w.Helper()
	conn := w.dialTLS("h2")
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		w.Fatalf("the server chose %q", got)
	}
	_, err := conn.Write([]byte(http2.ClientPreface))
	must(w, err)
	c := &h2{w, conn, http2.NewFramer(conn, conn), 1}
	must(w, c.framer.WriteSettings())
	return c
}

// dialTLS connects, and offers these protocols.
func (w *world) dialTLS(protocols ...string) *tls.Conn {
	w.Helper()
	config := w.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = protocols
	conn, err := tls.Dial("tcp", strings.TrimPrefix(w.url, "https://"), config)
	must(w, err)
	w.Cleanup(func() { _ = conn.Close() })
	must(w, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// ask opens a stream with a GET.
func (c *h2) ask(path string) (stream uint32, err error) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}, {"authorization", "Bearer " + c.ana},
	} {
		must(c, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	stream = c.next
	c.next += 2
	return stream, c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
	})
}

// TestHTTP2: what curl and browsers negotiate over TLS is what the server then speaks.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure)
	for proto, client := range map[string]*http.Client{"HTTP/2.0": w.client, "HTTP/1.1": w.http1()} {
		response, err := client.Get(w.url + "/healthz")
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, errors.Join(err, response.Body.Close()))
		if response.Proto != proto || string(body) != "ok" {
			t.Errorf("%s %q, want %s", response.Proto, body, proto)
		}
	}
	id := w.submit(w.ana, `{"msg":1}`) // a body, and an answer that waits after it
	w.refused(w.do(w.ana, "GET", path(id, "/result?wait=10ms"), nil), 404, api.CodeNotFinished)
}

func (w *world) http1() *http.Client {
	config := w.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

// TestStreamFlood: of 1,000 streams that one connection opens and lets wait,
// 100 are answered, and others are served meanwhile.
func TestStreamFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure)
	id := w.submit(w.ana, `{"msg":1}`)
	c := w.h2()
	wrote := make(chan error, 1)
	go func() {
		for range 1000 {
			if _, err := c.ask(path(id, "/result?wait=30s")); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- nil
	}()
	most, refused := c.refusals(900)
	must(t, <-wrote)
	if most != 100 || refused != 900 {
		t.Errorf("the server announces %d streams and refused %d", most, refused)
	}
	eventually(w, "100 requests and the scrape are under way", func() bool {
		return w.metric("mlq_http_requests_under_way") == 101
	})
	must(t, c.conn.Close())
	w.onlyTheScrape()
}

// refusals reads frames until so many streams were refused. The first
// settings of the server are acknowledged, as they must be.
func (c *h2) refusals(n int) (most uint32, refused int) {
	c.Helper()
	for refused < n {
		frame, err := c.framer.ReadFrame()
		must(c, err)
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if v, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
				most = v
			}
		case *http2.RSTStreamFrame:
			refused++
		case *http2.GoAwayFrame:
			c.Fatalf("the server ended the connection: %s", f.ErrCode)
		}
	}
	return most, refused
}

// TestRapidReset: a client that opens streams and resets them at once (CVE-2023-44487)
// leaves nothing under way, whether the server keeps up or throws it out.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure)
	id := w.submit(w.ana, `{"msg":1}`)
	c := w.h2()
	wrote := make(chan error, 1)
	go func() { wrote <- c.openAndReset(path(id, "/result?wait=30s"), 5000) }()
	for over := false; !over; {
		frame, err := c.framer.ReadFrame()
		ping, isPing := frame.(*http2.PingFrame)
		goaway, isGoaway := frame.(*http2.GoAwayFrame)
		switch {
		case isPing && ping.IsAck(): // the server has read it all
			must(t, <-wrote)
			over = true
		case isGoaway && goaway.ErrCode == http2.ErrCodeEnhanceYourCalm:
			over = true
		default:
			must(t, err)
		}
	}
	w.onlyTheScrape()
}

// openAndReset opens n streams, each only until the next frame; then it pings.
func (c *h2) openAndReset(path string, n int) error {
	for range n {
		stream, err := c.ask(path)
		if err == nil {
			err = c.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		}
		if err != nil {
			return err
		}
	}
	return c.framer.WritePing(false, [8]byte{})
}

// TestStalledEventReader: a reader of events that takes nothing more is cut off,
// though its connection is fine; with Last-Event-ID it goes on where it was, and
// has missed nothing.
func TestStalledEventReader(t *testing.T) {
	t.Parallel()
	const jobs = 3000 // the events of which fill a stream's window, 64 KiB, several times
	w := newWorld(t, secure, hurried)
	w.ok(w.do(w.ana, "POST", "/jobs/batch", `{"jobs":[`+strings.Repeat(`{"msg":1},`, jobs-1)+`{"msg":1}]}`), 201, nil)
	c := w.h2()
	stream, err := c.ask("/events?after=0-0")
	must(t, err)
	got := eventIDs(c.untilReset(stream))
	if len(got) == 0 || len(got) >= jobs || w.metric("mlq_http_slow_readers_total") != 1 {
		t.Fatalf("the stream ended after %d events, slow readers: %v", len(got), w.metric("mlq_http_slow_readers_total"))
	}
	w.onlyTheScrape()
	lines := w.stream("/events", header{"Last-Event-ID", got[len(got)-1]})
	for len(got) < jobs {
		got = append(got, eventIDs(lines.want(t, "id: ")+"\n\n")...)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != jobs {
		t.Errorf("%d different events of %d", n, jobs)
	}
}

// TestIdleStreamStays: the deadline of one event does not end a stream on which
// nothing happens for longer.
func TestIdleStreamStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure, hurried)
	id := w.submit(w.ana, `{"msg":1}`)
	s := w.stream(path(id, "/events"))
	s.want(t, `"kind":"submitted"`)
	<-time.After(time.Second) // more than three times the grace
	w.start(id, 0)
	s.want(t, `"kind":"running"`)
}

// untilReset gives what a stream brought until the server reset it. No window
// is opened.
func (c *h2) untilReset(stream uint32) string {
	c.Helper()
	var data bytes.Buffer
	for {
		frame, err := c.framer.ReadFrame()
		must(c, err)
		switch f := frame.(type) {
		case *http2.DataFrame:
			data.Write(f.Data())
		case *http2.RSTStreamFrame:
			if f.StreamID == stream {
				return data.String()
			}
		}
	}
}

// eventIDs are the ids of the events that came as a whole.
func eventIDs(text string) []string {
	var ids []string
	events := strings.Split(text, "\n\n")
	for _, event := range events[:len(events)-1] {
		for line := range strings.Lines(event) {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				ids = append(ids, strings.TrimSpace(id))
			}
		}
	}
	return ids
}

// TestConnectionLimitUnderTLS: whoever is one too many learns it in HTTP/1,
// whatever else they would speak.
func TestConnectionLimitUnderTLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, secure, func(o *api.Options) { o.MaxFromAddress = 2 })
	for range 2 {
		must(t, w.dialTLS("h2").Handshake())
	}
	conn := w.dialTLS("h2", "http/1.1")
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("the server chose %q", got)
	}
	_, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	must(t, err)
	answer, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 429 ") {
		t.Errorf("above the limit: %q, %v", answer, err)
	}
}
