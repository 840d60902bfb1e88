package api_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/submission"
)

// jobs are bodies of POST /jobs that are refused alike.
func jobs(status int, code submission.Code, bodies ...string) []bad {
	return variants(bodies, func(body string) bad {
		return bad{what: "a job", request: "POST /jobs", body: body, status: status, code: api.Code(code)}
	})
}

// fields are values of one field, beside a message.
func fields(name string, values ...string) []bad {
	return jobs(422, submission.CodeInvalidField, each(values, func(v string) string { return `{"msg":1,"` + name + `":` + v + `}` })...)
}

func each(values []string, to func(string) string) (out []string) {
	for _, v := range values {
		out = append(out, to(v))
	}
	return out
}

var row11 = jobs(400, submission.CodeBadJSON, " ", "{", "}", "{} {}", `{"msg":1}x`, `{"msg":1}{"msg":2}`, `{"msg":}`, `{"msg":1,}`, `{msg:1}`, `{'msg':1}`, "\xef\xbb\xbf{\"msg\":1}",
	`{"msg":1 /* a */}`, `{"msg":01}`, `{"msg":+1}`, `{"msg":.5}`, `{"msg":"a`+"\n"+`"}`, `{"msg":"\x41"}`, `{"msg":"\u12"}`, "{\"msg\":\"\xff\"}", `{"msg":tru}`, "\x00\x00\x00", "<xml/>", "msg=1")

var row12 = slices.Concat(
	jobs(400, submission.CodeUnknownField, `{"msg":1,"gpuz":1}`, `{"MSG":1}`, `{"msg":1,"Gpus":1}`, `{"msg":1,"":1}`, `{"msg":1,"`+strings.Repeat("a", 5000)+`":1}`, `{"msg":1,"<script>":1}`, `{"msg":1,"__proto__":{}}`, `{"msg":1,"num_gpus":1}`),
	jobs(400, submission.CodeDuplicateField, `{"msg":1,"msg":1}`, `{"msg":1,"\u006dsg":2}`, `{"msg":{"a":1,"a":2}}`, `{"msg":[[{"b":1,"b":1}]]}`),
)

var row13 = jobs(400, submission.CodeBadJSON, "null", "[]", `[{"msg":1}]`, `"x"`, "5", "true", "-1e5", `{"msg":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+"}", `{"msg":`+strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)+"}", strings.Repeat("[", 60_000))

var row14 = slices.Concat(
	fields("timeout", "NaN", "Infinity", "-Infinity", "1e309", "-1", "true", "[1]", `"soon"`, `"-5s"`, `"1h1"`, "{}"),
	fields("gpus", "1.0", "2.5", "-1", "9223372036854775808", `"1"`, "true", "null", "1e1", "65", "[]"),
	fields("retries", "-1", "1.5", "101", "1e400", `"2"`), fields("grace", "-1", `"2h"`, "null"),
	fields("after", "0", "-1", "1.5", `"x"`, "[0]", "[9223372036854775808]", "[[1]]", "{}", "[99999]"), fields("run_at", "-1", "1e300", `"tomorrow"`, `"2026-13-01T00:00:00Z"`, "true"),
)

var row15 = slices.Concat(fields("timeout", "0", `"0s"`, "0.0", `"2h"`, "7200", `"11000d"`, "1e18"), fields("queue_timeout", "0", `"0s"`), fields("result_ttl", "0", `"0.1s"`))

var row16 = append(jobs(403, "forbidden", `{"msg":1,"priority":1}`, `{"msg":1,"priority":10}`, `{"msg":1,"priority":-11}`, `{"msg":1,"priority":2147483647}`, `{"msg":1,"priority":-2147483648}`),
	fields("priority", "1.5", `"high"`, "2147483648", "null")...)

// disturbing are texts that would disturb a terminal, a log or a page.
var disturbing = []string{`"\u0000"`, `"a\nb"`, `"a\rb"`, `"\u001b[31mred"`, `"\u202eabc"`, `"\u2028"`, `"\u200b"`, `"\u0085"`, `"\ud800"`, `"\ufeffa"`, `"` + strings.Repeat("a", 129) + `"`, `"` + strings.Repeat("é", 65) + `"`, "1", "null", "[]", "{}"}

var row17 = slices.Concat(
	fields("name", disturbing...), fields("gpu_type", disturbing...), fields("host", disturbing...), fields("labels", `{"a\n":"b"}`, `{"":"b"}`, `{"a":"\u001b"}`, `{"a":null}`, `{"a":1}`, "[]", `"a"`),
	jobs(400, submission.CodeBadJSON, "{\"msg\":1,\"name\":\"\xff\xfe\"}", "{\"msg\":1,\"labels\":{\"\xc0\x80\":\"x\"}}"),
)

var row18 = slices.Concat(fields("labels", many(33, `"l%d":"x"`), many(1000, `"l%d":"x"`)), fields("env_vars", many(257, `"V%d":"x"`), `{"A":"`+strings.Repeat("x", 1<<20)+`"}`, `{"A":"`+strings.Repeat("x", 65<<10)+`"}`), fields("secrets", many(33, `"V%d":"x"`)))

func many(n int, format string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return "{" + strings.Join(all, ",") + "}"
}

var row19 = slices.Concat(
	jobs(422, submission.CodeReservedEnv, each([]string{"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_X", "MLQ_TOKEN", "MLQ_URL"},
		func(name string) string { return `{"msg":1,"env_vars":{"` + name + `":"x"}}` })...),
	fields("env_vars", `{"a=b":"x"}`, `{"":"x"}`, `{"1A":"x"}`, `{"A B":"x"}`, `{"A":"x\u0000"}`, `{"A":1}`, `{"A":null}`, `["A"]`, `"A=b"`, `{"É":"x"}`),
)

var row20 = slices.Concat(
	fields("gpu_mem", "0", "-1", "16", `"lots"`, `"1e9"`, `"0GB"`, `"99999999TB"`, "1.5", "null"), fields("min_cc", "80", `"x"`, `"8.0.1"`, "-1", `"99.9"`, "null"),
	jobs(422, "unsatisfiable", `{"msg":1,"gpus":50}`, `{"msg":1,"gpu_mem":"900GB"}`, `{"msg":1,"gpu_type":"Q9000"}`, `{"msg":1,"min_cc":"19.9"}`, `{"msg":1,"labels":{"no":"such"}}`),
)

var row21 = []bad{
	{what: "other bytes", request: "PUT /blobs/" + strings.Repeat("0a", 32), headers: "Content-Type: application/octet-stream", body: "x", status: 422, code: "digest-mismatch"},
	{what: "a name that is no digest", request: "PUT /blobs/..%2f..%2fetc", headers: "Content-Type: application/octet-stream", body: "x", status: 404, code: api.CodeNotFound},
	{what: "capitals", request: "PUT /blobs/" + strings.Repeat("0A", 32), headers: "Content-Type: application/octet-stream", body: "x", status: 404, code: api.CodeNotFound},
	{what: "a call that is not there", request: "POST /jobs", body: `{"call":{"sha256":"` + strings.Repeat("0a", 32) + `","size":5,"function":"f","python":"3.11.7"}}`, status: 409, code: "blob-missing"},
	{what: "no envelope", request: "POST /jobs", headers: "Content-Type: application/vnd.mlq.v1", body: "MLQ1\xff\xff\xff\x7f{}", status: 400, code: "bad-envelope"},
	{what: "an envelope that is cut", request: "POST /jobs", headers: "Content-Type: application/vnd.mlq.v1", body: "MLQ1", status: 400, code: "bad-envelope"},
}

var row24 = variants([]string{strings.Repeat("k", 256), "a\tb", "é", " "}, func(key string) bad {
	return bad{what: "a key", request: "POST /jobs", headers: "Idempotency-Key: " + key, body: `{"msg":1}`, status: 400, code: "bad-request"}
})

var row46 = fields("callback", `"http://169.254.169.254/"`, `"http://[fd00:ec2::254]/"`, `"file:///etc/passwd"`, `"gopher://a/"`, `"http://"`, `"http://a:0/"`, `"http://a:65536/"`, `"http://u:p@a/"`, `"http://127.0.0.1/"`, `"http://10.0.0.1/"`, `"x"`, `""`, "1", "[]", `"http://a/`+strings.Repeat("a", 10_000)+`"`)
