package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/mlq-dev/mlq/api"
)

// conform holds every answer that these tests get to openapi.yaml: the route,
// the status, the media type, the body, the headers that are a part of the
// interface, and of what was accepted the parameters and the body too.
func (w *world) conform(request *http.Request, sent []byte, a answer) {
	w.Helper()
	where := fmt.Sprintf("%s %s answered %d", request.Method, request.URL, a.status)
	op := operationOf(request)
	if op == nil {
		if a.status < 400 && request.Method != http.MethodOptions { // a preflight is the browser's own
			w.Errorf("%s, which openapi.yaml does not have", where)
		}
		return
	}
	if a.status < 300 {
		answered.Store(op.OperationID, true)
		w.conformRequest(where, op, request, sent)
	}
	response := op.Responses.Value(fmt.Sprint(a.status))
	if response == nil && a.status >= 400 && slices.Contains(anyRoute, a.status) {
		response = op.Responses.Default()
	}
	if response == nil {
		w.Errorf("%s, which is not described", where)
		return
	}
	w.conformBody(where, response.Value.Content, a)
	for _, name := range []string{
		"Location", "Retry-After", "ETag", "Idempotent-Replayed", "Allow", "Content-Range", "Content-Disposition", "Www-Authenticate",
		api.HeaderLogAttempt, api.HeaderLogOffset, api.HeaderLogSize, "Mlq-Value", "Mlq-Version",
	} {
		if _, described := find(response.Value.Headers, name); a.header.Get(name) != "" && !described {
			w.Errorf("%s with the header %s, which is not described", where, name)
		}
	}
}

// answered has the operations that some test saw succeed.
var answered sync.Map

// TestMain wants each operation of the contract to be among them, where all
// tests ran and passed.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" {
		for _, d := range paths() {
			for method, op := range d.item.Operations() {
				if _, ok := answered.Load(op.OperationID); !ok {
					fmt.Fprintf(os.Stderr, "no test has seen %s (%s) succeed\n", op.OperationID, method)
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

// anyRoute: what any route may answer before its own business begins is
// described once, as default.
var anyRoute = []int{400, 401, 403, 405, 415, 421, 429, 500, 503}

// conformRequest: what was accepted is described.
func (w *world) conformRequest(where string, op *openapi3.Operation, request *http.Request, sent []byte) {
	w.Helper()
	for name, values := range request.URL.Query() {
		if request.URL.Query().Has("sig") && slices.Contains([]string{"by", "expires", "sig"}, name) {
			continue // of a signed link, which createLink describes
		}
		p := op.Parameters.GetByInAndName("query", name)
		if p == nil {
			w.Errorf("%s with the parameter %s, which is not described", where, name)
			continue
		}
		if enum := p.Schema.Value.Enum; len(enum) > 0 && !slices.Contains(enum, any(values[0])) {
			w.Errorf("%s with %s=%s, which is none of %v", where, name, values[0], enum)
		}
	}
	for _, name := range []string{"Idempotency-Key", "Last-Event-ID", "Range", "If-None-Match"} {
		if request.Header.Get(name) != "" && op.Parameters.GetByInAndName("header", name) == nil {
			w.Errorf("%s with the header %s, which is not described", where, name)
		}
	}
	if len(sent) == 0 || op.RequestBody == nil {
		return
	}
	w.conformContent(where+", sent", op.RequestBody.Value.Content, request.Header.Get("Content-Type"), sent)
}

func (w *world) conformBody(where string, described openapi3.Content, a answer) {
	w.Helper()
	if len(a.body) == 0 {
		return // HEAD, 204, 304
	}
	w.conformContent(where, described, a.header.Get("Content-Type"), a.body)
}

func (w *world) conformContent(where string, described openapi3.Content, contentType string, body []byte) {
	w.Helper()
	media, _, err := mime.ParseMediaType(contentType)
	must(w, err)
	content := described[media]
	if content == nil {
		content = described["*/*"]
	}
	if content == nil {
		w.Errorf("%s: %s is not described", where, media)
		return
	}
	if content.Schema == nil || !strings.HasSuffix(media, "json") {
		return
	}
	var value any
	must(w, json.Unmarshal(body, &value))
	if err := content.Schema.Value.VisitJSON(value); err != nil {
		w.Errorf("%s: %v\n%s", where, err, body)
	}
}

func find(headers openapi3.Headers, name string) (*openapi3.HeaderRef, bool) {
	for described, ref := range headers {
		if http.CanonicalHeaderKey(described) == http.CanonicalHeaderKey(name) {
			return ref, true
		}
	}
	return nil, false
}

// described is a path of the contract with a pattern for it.
type described struct {
	pattern *regexp.Regexp
	item    *openapi3.PathItem
}

// paths of the contract, those without parameters first.
var paths = sync.OnceValue(func() []described {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		panic(err)
	}
	var all []described
	for _, path := range doc.Paths.InMatchingOrder() {
		pattern := regexp.QuoteMeta(path)
		pattern = strings.ReplaceAll(pattern, `\{path\}`, ".*")
		pattern = regexp.MustCompile(`\\\{[a-z0-9]+\\\}`).ReplaceAllString(pattern, "[^/]+")
		all = append(all, described{regexp.MustCompile("^" + pattern + "$"), doc.Paths.Value(path)})
	}
	return all
})

func operationOf(request *http.Request) *openapi3.Operation {
	method := request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, d := range paths() {
		if d.pattern.MatchString(request.URL.EscapedPath()) {
			return d.item.GetOperation(method)
		}
	}
	return nil
}
