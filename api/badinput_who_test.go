package api_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/token"
)

// noOne is a token of the right form that was never made.
var noOne, _ = token.New("user")

// variants makes an input of each of the things that differ.
func variants(over []string, input func(one string) bad) (all []bad) {
	for _, one := range over {
		in := input(one)
		in.what += fmt.Sprintf(" %.40q", one)
		all = append(all, in)
	}
	return all
}

var row1 = variants([]string{
	"-Authorization", "Authorization:", "Authorization: Bearer", "Authorization: Bearer x", "Authorization: Basic YTpi", "Authorization: bearer",
	"Authorization: Bearer {ana}x", "Authorization: Bearer {ana} {ana}", "Authorization: Bearer " + noOne, "Authorization: Bearer {revoked}",
	"Authorization: Bearer mlq_attempt_1_1_" + token.NewSecret(), "Authorization: Bearer mlq_attempt_+1_1_" + token.NewSecret(),
	"Authorization: Bearer mlq_attempt_9223372036854775808_1_x", "Authorization: Bearer " + strings.Repeat("a", 4000), "Authorization: Token {ana}",
	"Authorization: Bearer {ana}\nAuthorization: Bearer {ana}",
}, func(line string) bad {
	return bad{what: "a token", request: "POST /jobs", headers: line, body: `{"msg":1}`, status: 401, code: api.CodeUnauthorized, has: "WWW-Authenticate"}
})

var row2 = variants([]string{"token={ana}", "access_token=x", "Token=x", "%74oken=x", "a=1&token=", "name={ana}", "a=%6dlq_user_b"}, func(query string) bad {
	return bad{what: "a query", request: "GET /jobs?" + query, status: 400, code: api.CodeTokenInURL}
})

var row3 = variants([]string{
	"GET /tokens", "DELETE /tokens/x", "GET /leases", "DELETE /leases/1?reason=x", "DELETE /hosts/node1", "POST /hosts/node1/drain?reason=x",
	"POST /hosts/node1/forget", "POST /gpus/GPU-1/drain?reason=x", "POST /gpus/GPU-1/tolerate", "DELETE /users/bob", "GET /agents/node1",
	"GET /agents/node1/revision", "GET /agents/node1/jobs/1/spec", "POST /agents/node1/renew", "GET /blobs/logs/1/1", "POST /backup", "PUT /jobs/1/attempts/1/log?fence=1",
}, func(request string) bad {
	in := bad{what: "as a user", request: request, status: 403, code: api.CodeForbidden}
	if strings.HasPrefix(request, "P") {
		in.body = "{}"
	}
	return in
})

var row4 = append(variants([]string{"POST /jobs", "POST /jobs/batch", "GET /jobs", "DELETE /jobs/{job}", "GET /jobs/{job}/result", "GET /tokens", "GET /secrets", "PUT /data/a"}, func(request string) bad {
	in := bad{what: "as an agent", request: request, headers: "Authorization: Bearer {node}", status: 403, code: api.CodeForbidden}
	if strings.HasPrefix(request, "P") {
		in.body = `{"msg":1}`
	}
	return in
}), variants([]string{"GET /agents/node1", "GET /agents/node1/orders", "GET /agents/node1/jobs/{job}/spec", "GET /agents/node1/notices"}, func(request string) bad {
	return bad{what: "as another host's agent", request: request, headers: "Authorization: Bearer {agent}", status: 403, code: api.CodeForbidden}
})...)

var row5 = variants([]string{
	"GET /jobs/{job}", "GET /jobs/{job}/result", "GET /jobs/{ran}/result", "GET /jobs/{ran}/result.txt", "GET /jobs/{ran}/short_result", "GET /jobs/{ran}/files",
	"GET /jobs/{job}/logs", "GET /jobs/{job}/events", "GET /jobs/{job}/why", "GET /jobs/{job}/progress", "DELETE /jobs/{job}", "POST /jobs/{ran}/requeue",
}, func(request string) bad {
	return bad{what: "of another's job", request: request, headers: "Authorization: Bearer {bob}", status: 404, code: api.CodeNotFound}
})

var row6 = append(variants([]string{"GET /nothing", "GET /jobs/{job}/nothing", "GET //jobs", "GET /jobs/", "GET /JOBS", "POST /jobs/{job}/result/x", "GET /.git/config"}, func(request string) bad {
	return bad{what: "a path", request: request, status: 404, code: api.CodeNotFound}
}), variants([]string{"PATCH /jobs", "PUT /jobs/{job}", "POST /whoami", "TRACE /jobs", "CONNECT /jobs", "DELETE /queue", "get /jobs"}, func(request string) bad {
	return bad{what: "a method", request: request, status: 405, code: api.CodeMethod, has: "Allow"}
})...)

var row7 = variants([]string{
	"-Content-Type", "Content-Type:", "Content-Type: text/html", "Content-Type: application/x-www-form-urlencoded", "Content-Type: multipart/form-data; boundary=x",
	"Content-Type: ;;", "Content-Type: application/xml", "Content-Type: application/octet-stream",
}, func(line string) bad {
	return bad{what: "a type", request: "POST /jobs", headers: line, body: `{"msg":1}`, status: 415, code: api.CodeMediaType}
})

var row8 = []bad{
	{what: "a declared length", request: "POST /jobs", headers: "Content-Length: 999999999999", status: 413, code: "too-large"},
	{what: "a declared length of a blob", request: "POST /blobs", headers: "Content-Length: 9999999999999\nContent-Type: application/octet-stream", status: 413, code: "too-large"},
	{what: "64 KiB of fields", request: "POST /jobs", body: `{"msg":1,"labels":{"a":"` + strings.Repeat("x", 70_000) + `"}}`, status: 422, code: api.CodeInvalidField},
	{what: "64 KiB of commands", request: "POST /jobs", body: `{"command":["a","` + strings.Repeat("x", 70_000) + `"]}`, status: 413, code: "too-large"},
	{what: "1 MiB of an agent", request: "POST /agents/node1/renew", headers: "Authorization: Bearer {node}\nContent-Length: 99999999", status: 413, code: "too-large"},
}

var row9 = []bad{
	{what: "shorter", request: "POST /jobs", headers: "Content-Length: 100", body: `{"msg":1}`, cut: true, status: 400, code: "bad-request"},
	{what: "longer", request: "POST /jobs", headers: "Content-Length: 5", body: `{"msg":1}`, status: 400, code: api.Code(submission.CodeBadJSON)},
	{what: "of a blob", request: "POST /blobs", headers: "Content-Length: 100\nContent-Type: application/octet-stream", body: "abc", cut: true, status: 400, code: "bad-request"},
	{what: "chunks without an end", request: "POST /jobs", headers: "Transfer-Encoding: chunked\n-Content-Length", body: "9\r\n{\"msg\":1}\r\n", cut: true, status: 400, code: "bad-request"},
	{what: "negative", request: "POST /jobs", headers: "Content-Length: -1", body: `{"msg":1}`, status: 400},
	{what: "no number", request: "POST /jobs", headers: "Content-Length: 9x", body: `{"msg":1}`, status: 400},
}

var row10 = variants([]string{"gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", ""}, func(encoding string) bad {
	return bad{what: "an encoding", request: "POST /jobs", headers: "Content-Encoding: " + encoding, body: "\x1f\x8b\x08\x00bomb", status: 415, code: api.CodeEncoding}
})

var row41 = slices.Concat(variants([]string{strings.Repeat("a", 64<<10), strings.Repeat("b", 20<<10)}, func(value string) bad {
	return bad{what: "a header", request: "GET /jobs", headers: "X-A: " + value, status: 431}
}), []bad{{what: "a target of 64 KiB", request: "GET /jobs?name=" + strings.Repeat("a", 64<<10), status: 431}})

var row43 = variants([]string{"evil.example", "evil.example:5000", "localhost.evil.example", "169.254.169.254", "10.0.0.1", "127.0.0.1.nip.io", "[::2]", "LOCALHOST.", "x:y:z"}, func(host string) bad {
	return bad{what: "a host", request: "DELETE /jobs/{job}", headers: "Host: " + host, status: 421, code: api.CodeWrongHost}
})

var row44 = slices.Concat(foreign("Origin: http://evil.example"), foreign("Origin: null"), foreign("Origin: http://localhost.evil.example"),
	foreign("Origin: http://localhost:1"), foreign("Sec-Fetch-Site: cross-site"), foreign("Sec-Fetch-Site: same-site"), foreign("Origin: http://localhost\nOrigin: http://evil.example"))

func foreign(line string) []bad {
	return variants([]string{"GET /jobs/{ran}/result", "POST /jobs", "DELETE /jobs/{job}", "PUT /data/a", "PATCH /users/bob"}, func(request string) bad {
		in := bad{what: line, request: request, headers: line, status: 403, code: api.CodeForeignOrigin}
		if request[0] == 'P' {
			in.body = `{"msg":1}`
		}
		return in
	})
}

var row45 = variants([]string{"X-Request-Id: " + strings.Repeat("a", 5000), "X-Request-Id: a b;c", "X-Request-Id: <x>", "X-Forwarded-For: 1.2.3.4, 5.6.7.8\nX-Forwarded-Host: evil.example\nX-Forwarded-Proto: https"}, func(line string) bad {
	return bad{what: "a header that is not believed", request: "GET /jobs/999999", headers: line, status: 404, code: api.CodeNotFound}
})

var row47 = []bad{
	{what: "two lengths", request: "POST /jobs", headers: "Content-Length: 9\nContent-Length: 10", body: `{"msg":1}`, status: 400},
	{what: "an odd encoding", request: "POST /jobs", headers: "Transfer-Encoding: xchunked\n-Content-Length", body: "0\r\n\r\n", status: 501},
	{what: "two encodings", request: "POST /jobs", headers: "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n-Content-Length", body: "0\r\n\r\n", status: 501},
	{what: "a space before the colon", request: "POST /jobs", headers: "Content-Length : 9\n-Content-Length", body: `{"msg":1}`, status: 400},
	{what: "a header without a colon", request: "GET /jobs", headers: "X-Nothing", status: 400},
	{what: "a host with a name before it", request: "GET /jobs", headers: "Host: localhost@evil", status: 400},
	{what: "an agent's name with a path", request: "GET /agents/host@x%2f../revision", headers: "Authorization: Bearer {agent}", status: 400, code: "bad-request"},
	{what: "no host", request: "GET /jobs", headers: "-Host", status: 400},
	{what: "two hosts", request: "GET /jobs", headers: "Host: localhost\nHost: evil", status: 400},
	{what: "an absolute form of another host", request: "GET http://evil.example/jobs", status: 421, code: api.CodeWrongHost},
	{what: "a chunk's size that is none", request: "POST /jobs", headers: "Transfer-Encoding: chunked\n-Content-Length", body: "fffffffffffffffff\r\n{}", cut: true, status: 400, code: "bad-request"},
	{what: "an asterisk", request: "GET *", status: 404, code: api.CodeNotFound},
	{what: "no target", request: "GET", status: 400},
	{what: "a NUL in the target", request: "GET /jobs\x00", status: 400},
}
