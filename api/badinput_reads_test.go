package api_test

import (
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/api"
)

var row25 = slices.Concat(ids("GET /jobs/%s"), ids("DELETE /jobs/%s"), ids("GET /jobs/%s/result"), ids("GET /jobs/%s/logs"), ids("POST /jobs/%s/requeue"))

func ids(request string) []bad {
	return variants([]string{
		"..%2f..%2fetc", "%2e%2e%2f", "1%00", "%0d%0aX:%20y", "01", "+1", "1.0", "-1", "0", "1e3", "0x1", "%C3%A9", "%ff", "99999999999999999999", strings.Repeat("1", 10_000), "9223372036854775807", "x", "%20", "1%202", "%D9%A1",
	}, func(id string) bad {
		return bad{what: "an id", request: strings.Replace(request, "%s", id, 1), status: 404, code: api.CodeNotFound}
	})
}

var row26 = slices.Concat(variants([]string{"a.b", "pkl%00.html", "..%2fx", "%2e%2e", "", "t-t", "a%20b", "%0d%0a", strings.Repeat("a", 17), strings.Repeat("a", 1000), "é", "html%2f"}, func(ext string) bad {
	return bad{what: "an ending", request: "GET /jobs/{ran}/result." + ext, status: 404, code: api.CodeNotFound}
}), variants([]string{"..%2f..%2fetc%2fpasswd", "../x", "%2fetc%2fpasswd", "a%00b", "", "no-such"}, func(name string) bad {
	return bad{what: "a file", request: "GET /jobs/{ran}/files/" + name, status: 404, code: api.CodeNotFound}
}))

var row27 = []bad{
	{what: "a job that waits", request: "GET /jobs/{job}/result", status: 404, code: "not-finished", has: "Retry-After"},
	{what: "in short", request: "GET /jobs/{job}/short_result", status: 404, code: "not-finished", has: "Retry-After"},
	{what: "as a file", request: "GET /jobs/{job}/result.txt", status: 404, code: "not-finished", has: "Retry-After"},
}

var row28 = variants([]string{"bytes=0-1,3-4", "bytes=" + strings.Repeat("0-1,", 1000) + "0-1", "bytes=10-", "bytes=99-100", "bytes=5-2", "lines=1-2", "bytes=x-", "bytes=-", "bytes=--5", "bytes=9223372036854775808-", "bytes=-x", "bytes 0-1", "bytes=0-1-2"}, func(r string) bad {
	return bad{what: "a range", request: "GET /jobs/{ran}/result", headers: "Range: " + r, status: 416, code: api.CodeRange}
})

var row29 = variants([]string{"-1", "x", "NaN", "Infinity", "1e3", "5y", "0x5", "1,5", "%00", "9999999999999999999999"}, func(text string) bad {
	return bad{what: "a wait", request: "GET /jobs/{job}?wait=" + text, status: 400, code: "bad-request"}
})

var row30 = variants([]string{"before=0", "before=-1", "before=x", "before=", "before=1.5", "before=9223372036854775808", "before=1&before=2", "limit=0", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "state=nothing", "state=", "no=such", "limit=%zz", "a;b", "reason=nothing"}, func(query string) bad {
	return bad{what: "a query", request: "GET /jobs?" + query, status: 400, code: "bad-request"}
})

var row31 = slices.Concat([]bad{
	{what: "of what never was", request: "DELETE /jobs/999999", status: 404, code: api.CodeNotFound},
	{what: "of another's", request: "DELETE /jobs/{bobs}", status: 404, code: api.CodeNotFound},
}, variants([]string{"", "?state=", "?name=", "?all=yes", "?state=queued&state=", "?no=such"}, func(query string) bad {
	return bad{what: "of a filter", request: "DELETE /jobs" + query, status: 400, code: "bad-request"}
}))

var row32 = slices.Concat(fences("start", "0", "-1", "1.5", `"17"`, "null", "1e99", "18446744073709551616", "true"), []bad{
	{what: "of the future", request: "POST /agents/node1/start", headers: "Authorization: Bearer {node}", body: `{"job":{job},"fence":999999}`, status: 409, code: "stale-lease"},
	{what: "of no job", request: "POST /agents/node1/start", headers: "Authorization: Bearer {node}", body: `{"job":999999,"fence":1}`, status: 404, code: api.CodeNotFound},
	{what: "missing", request: "POST /agents/node1/start", headers: "Authorization: Bearer {node}", body: `{"job":1}`, status: 400, code: "bad-request"},
	{what: "twice", request: "POST /agents/node1/start", headers: "Authorization: Bearer {node}", body: `{"job":1,"fence":1,"fence":2}`, status: 400, code: "duplicate-field"},
	{what: "unknown", request: "POST /agents/node1/start", headers: "Authorization: Bearer {node}", body: `{"job":1,"fence":1,"x":2}`, status: 400, code: "unknown-field"},
})

func fences(call string, values ...string) []bad {
	return variants(values, func(fence string) bad {
		return bad{what: "a fence", request: "POST /agents/node1/" + call, headers: "Authorization: Bearer {node}", body: `{"job":1,"fence":` + fence + `}`, status: 400, code: "bad-request"}
	})
}

var row35 = variants([]string{`"CPU-0"`, `[1]`, `[[]]`, `{}`}, func(devices string) bad {
	return bad{what: "devices", request: "POST /agents/node1/claim", headers: "Authorization: Bearer {node}", body: `{"epoch":1,"job":1,"user":"ana","devices":` + devices + `,"claim_id":"c","token_sha256":"","work_dir":""}`, status: 400, code: "bad-request"}
})

var row37 = []bad{
	{what: "another's name", request: "POST /agents/node1/join", headers: "Authorization: Bearer {agent}", body: `{"after":0}`, status: 403, code: api.CodeForbidden},
	{what: "a consumer's name", request: "GET /agents/consumer-0123456789abcdef", headers: "Authorization: Bearer {node}", status: 403, code: api.CodeForbidden},
	{what: "an old epoch", request: "POST /agents/node1/renew", headers: "Authorization: Bearer {node}", body: `{"epoch":0,"number":1,"leases":[]}`, status: 409, code: "stale-agent"},
}
