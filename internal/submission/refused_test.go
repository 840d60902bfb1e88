package submission

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       Code
		pointer    string
	}{
		{"not JSON", `{"msg":`, CodeBadJSON, "/msg"},
		{"trailing data", `{"msg":1} {"msg":2}`, CodeBadJSON, ""},
		{"null", `null`, CodeBadJSON, ""},
		{"list", `[{"msg":1}]`, CodeBadJSON, ""},
		{"deep", `{"msg":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, CodeBadJSON, "/msg" + strings.Repeat("/0", 31)},
		{"unknown field", `{"msg":1,"gpu_count":2}`, CodeUnknownField, "/gpu_count"},
		{"other case", `{"Msg":1}`, CodeUnknownField, "/Msg"},
		{"duplicate", `{"msg":1,"msg":2}`, CodeDuplicateField, "/msg"},
		{"duplicate in msg", `{"msg":{"a":1,"a":2}}`, CodeDuplicateField, "/msg/a"},
		{"nothing to run", `{"gpus":1}`, CodeInvalidField, ""},
		{"two things to run", `{"msg":1,"command":["ls"]}`, CodeInvalidField, "/msg"},
		{"source without function", `{"source":"x"}`, CodeInvalidField, "/function"},
		{"hold of nothing", `{"hold":0}`, CodeInvalidField, "/hold"},
		{"hold in words", `{"hold":"all day"}`, CodeInvalidField, "/hold"},
		{"hold of null", `{"hold":null}`, CodeInvalidField, "/hold"},
		{"endless hold", `{"hold":"99999999h"}`, CodeInvalidField, "/hold"},
		{"hold that runs something", `{"hold":"2h","command":["ls"]}`, CodeInvalidField, "/hold"},
		{"hold in a folder", `{"hold":"2h","cwd":"/tmp"}`, CodeInvalidField, "/cwd"},
		{"hold with a time limit", `{"hold":"2h","timeout":"3h"}`, CodeInvalidField, "/timeout"},
		{"hold that is tried again", `{"hold":"2h","retries":1}`, CodeInvalidField, "/retries"},
		{"hold that outlives its lease", `{"hold":"2h","on_partition":"keep"}`, CodeInvalidField, "/on_partition"},
		{"empty command", `{"command":[]}`, CodeInvalidField, "/command"},
		{"NUL in a command", `{"command":["a\u0000b"]}`, CodeInvalidField, "/command"},
		{"NaN", `{"msg":1,"timeout":NaN}`, CodeInvalidField, "/timeout"},
		{"1e309", `{"msg":1,"timeout":1e309}`, CodeInvalidField, "/timeout"},
		{"negative", `{"msg":1,"gpus":-1}`, CodeInvalidField, "/gpus"},
		{"float for int", `{"msg":1,"gpus":1.0}`, CodeInvalidField, "/gpus"},
		{"text for int", `{"msg":1,"gpus":"1"}`, CodeInvalidField, "/gpus"},
		{"null for int", `{"msg":1,"gpus":null}`, CodeInvalidField, "/gpus"},
		{"2^63", `{"msg":1,"retries":9223372036854775808}`, CodeInvalidField, "/retries"},
		{"65 devices", `{"msg":1,"gpus":65}`, CodeInvalidField, "/gpus"},
		{"33 labels", `{"msg":1,"labels":{` + strings.Join(numbered(33), ",") + `}}`, CodeInvalidField, "/labels"},
		{"101 jobs before", `{"msg":1,"after":[1` + strings.Repeat(",1", 100) + `]}`, CodeInvalidField, "/after"},
		{"2^63 job", `{"msg":1,"after":9223372036854775808}`, CodeInvalidField, "/after"},
		{"timeout 0", `{"msg":1,"timeout":0}`, CodeInvalidField, "/timeout"},
		{"result_ttl 0", `{"msg":1,"result_ttl":0}`, CodeInvalidField, "/result_ttl"},
		{"timeout in words", `{"msg":1,"timeout":"soon"}`, CodeInvalidField, "/timeout"},
		{"negative timeout", `{"msg":1,"timeout":"-2h"}`, CodeInvalidField, "/timeout"},
		{"endless timeout", `{"msg":1,"timeout":"99999999h"}`, CodeInvalidField, "/timeout"},
		{"memory of nothing", `{"msg":1,"gpu_mem":"GB"}`, CodeInvalidField, "/gpu_mem"},
		{"memory as float", `{"msg":1,"gpu_mem":1e9}`, CodeInvalidField, "/gpu_mem"},
		{"hex memory", `{"msg":1,"gpu_mem":"0x10GB"}`, CodeInvalidField, "/gpu_mem"},
		{"cc", `{"msg":1,"min_cc":"8.65"}`, CodeInvalidField, "/min_cc"},
		{"run_at without zone", `{"msg":1,"run_at":"2026-11-24T08:00:00"}`, CodeInvalidField, "/run_at"},
		{"name with newline", `{"msg":1,"name":"a\nb"}`, CodeInvalidField, "/name"},
		{"name with ANSI", `{"msg":1,"name":"\u001b[31mred"}`, CodeInvalidField, "/name"},
		{"name with RTL override", `{"msg":1,"name":"a\u202Eb"}`, CodeInvalidField, "/name"},
		{"name with half a surrogate", `{"msg":1,"name":"\ud800"}`, CodeInvalidField, "/name"},
		{"long name", `{"msg":1,"name":"` + strings.Repeat("n", 129) + `"}`, CodeInvalidField, "/name"},
		{"empty name", `{"msg":1,"name":""}`, CodeInvalidField, "/name"},
		{"invalid UTF-8", "{\"msg\":1,\"name\":\"\xff\"}", CodeBadJSON, "/name"},
		{"label with control", `{"msg":1,"labels":{"a":"b\u0007"}}`, CodeInvalidField, "/labels/a"},
		{"1000 labels", `{"msg":1,"labels":{` + strings.Join(numbered(1000), ",") + `}}`, CodeInvalidField, "/labels"},
		{"1 MB of env", `{"msg":1,"env_vars":{"A":"` + strings.Repeat("a", 1<<20) + `"}}`, CodeInvalidField, "/env_vars"},
		{"env null", `{"msg":1,"env_vars":{"A":null}}`, CodeInvalidField, "/env_vars/A"},
		{"env name", `{"msg":1,"env_vars":{"A=B":"c"}}`, CodeInvalidField, "/env_vars/A=B"},
		{"env NUL", `{"msg":1,"env_vars":{"A":"b\u0000"}}`, CodeInvalidField, "/env_vars/A"},
		{"LD_PRELOAD", `{"msg":1,"env_vars":{"LD_PRELOAD":"x"}}`, CodeReservedEnv, "/env_vars/LD_PRELOAD"},
		{"PATH", `{"msg":1,"env_vars":{"PATH":"x"}}`, CodeReservedEnv, "/env_vars/PATH"},
		{"PYTHONPATH", `{"msg":1,"env_vars":{"PYTHONPATH":"x"}}`, CodeReservedEnv, "/env_vars/PYTHONPATH"},
		{"CUDA_VISIBLE_DEVICES", `{"msg":1,"env_vars":{"CUDA_VISIBLE_DEVICES":"0"}}`, CodeReservedEnv, "/env_vars/CUDA_VISIBLE_DEVICES"},
		{"NVIDIA_*", `{"msg":1,"env_vars":{"NVIDIA_VISIBLE_DEVICES":"0"}}`, CodeReservedEnv, "/env_vars/NVIDIA_VISIBLE_DEVICES"},
		{"MLQ_*", `{"msg":1,"env_vars":{"MLQ_TOKEN":"0"}}`, CodeReservedEnv, "/env_vars/MLQ_TOKEN"},
		{"secrets as one text", `{"msg":1,"secrets":"HF_TOKEN"}`, CodeInvalidField, "/secrets"},
		{"secrets of null", `{"msg":1,"secrets":null}`, CodeInvalidField, "/secrets"},
		{"a secret that is a number", `{"msg":1,"secrets":[1]}`, CodeInvalidField, "/secrets"},
		{"33 secrets", `{"msg":1,"secrets":["A0"` + strings.Repeat(`,"A0"`, 32) + `]}`, CodeInvalidField, "/secrets"},
		{"33 variables of secrets", `{"msg":1,"secrets":{` + strings.Join(numbered(33), ",") + `}}`, CodeInvalidField, "/secrets"},
		{"a secret without a name", `{"msg":1,"secrets":{"A":""}}`, CodeInvalidField, "/secrets/A"},
		{"a secret's name with a colon", `{"msg":1,"secrets":{"A":"b:c"}}`, CodeInvalidField, "/secrets/A"},
		{"a secret as LD_PRELOAD", `{"msg":1,"secrets":["LD_PRELOAD"]}`, CodeReservedEnv, "/secrets/LD_PRELOAD"},
		{"a secret as MLQ_TOKEN", `{"msg":1,"secrets":{"MLQ_TOKEN":"mine"}}`, CodeReservedEnv, "/secrets/MLQ_TOKEN"},
		{"a secret and a variable", `{"msg":1,"secrets":["A"],"env_vars":{"A":"b"}}`, CodeInvalidField, "/secrets/A"},
		{"a variable and a secret", `{"msg":1,"env_vars":{"A":"b"},"secrets":["A"]}`, CodeInvalidField, "/secrets/A"},
		{"workdir with ..", `{"msg":1,"workdir":"/data/../etc"}`, CodeInvalidField, "/workdir"},
		{"relative workdir", `{"msg":1,"workdir":"data"}`, CodeInvalidField, "/workdir"},
		{"on_partition", `{"msg":1,"on_partition":"pray"}`, CodeInvalidField, "/on_partition"},
		{"callback to a file", `{"msg":1,"callback":"file:///etc/passwd"}`, CodeInvalidField, "/callback"},
		{"callback of 10 kB", `{"msg":1,"callback":"http://c/` + strings.Repeat("x", 10_000) + `"}`, CodeInvalidField, "/callback"},
		{"callback without a host", `{"msg":1,"callback":"http:///done"}`, CodeInvalidField, "/callback"},
		{"callback to port 0", `{"msg":1,"callback":"http://c:0/"}`, CodeInvalidField, "/callback"},
		{"callback to port 65536", `{"msg":1,"callback":"http://c:65536/"}`, CodeInvalidField, "/callback"},
		{"callback that is a number", `{"msg":1,"callback":5}`, CodeInvalidField, "/callback"},
		{"callback with password", `{"msg":1,"callback":"http://a:b@c/"}`, CodeInvalidField, "/callback"},
		{"fields above 64 KiB", `{"command":["` + strings.Repeat("a", 65<<10) + `"]}`, CodeTooLarge, ""},
		{"call with a digest in capitals", `{"call":{"sha256":"` + strings.Repeat("A", 64) + `","size":1,"function":"f","python":"3.11.1"}}`, CodeInvalidField, "/call/sha256"},
		{"call without python", `{"call":{"sha256":"` + strings.Repeat("a", 64) + `","size":1,"function":"f"}}`, CodeInvalidField, "/call/python"},
		{"call with more", `{"call":{"url":"x"}}`, CodeUnknownField, "/call/url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(scheduler.MediaJSON, []byte(c.body))
			wantError(t, err, c.code, c.pointer)
		})
	}
}

// numbered makes n members of a JSON object.
func numbered(n int) []string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"l%d":""`, i)
	}
	return members
}

func wantError(t *testing.T, err error, code Code, pointer string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("accepted, or another error: %v", err)
	}
	if e.Code != code || e.Pointer != pointer {
		t.Errorf("got %s at %q (%s), want %s at %q", e.Code, e.Pointer, e.Detail, code, pointer)
	}
}

func TestEnvelopeRefusals(t *testing.T) {
	good := call(t, `{}`)
	result, err := envelope.Encode(envelope.Header{Kind: envelope.KindResult})
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) envelope.Part { return envelope.Part{Name: name, Data: []byte("x")} }
	made := func(python string, parts ...envelope.Part) []byte {
		body, err := envelope.Encode(envelope.Header{Kind: envelope.KindCall, Function: "f", Python: python}, parts...)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	for _, c := range []struct {
		name    string
		body    []byte
		code    Code
		pointer string
	}{
		{"truncated", good[:len(good)-1], CodeBadEnvelope, ""},
		{"trailing", append(slices.Clip(good), 'x'), CodeBadEnvelope, ""},
		{"a result", result, CodeBadEnvelope, ""},
		{"without code", made("3.11.7", part("args")), CodeBadEnvelope, ""},
		{"without arguments", made("3.11.7", part("code")), CodeBadEnvelope, ""},
		{"without python", made("", part("code"), part("args")), CodeInvalidField, "/python"},
		{"request is a list", call(t, `[]`), CodeBadJSON, "/request"},
		{"request field", call(t, `{"gpus":"two"}`), CodeInvalidField, "/request/gpus"},
		{"no request field", call(t, `{"msg":1}`), CodeUnknownField, "/request/msg"},
	} {
		_, err := Parse(scheduler.MediaEnvelope, c.body)
		t.Run(c.name, func(t *testing.T) { wantError(t, err, c.code, c.pointer) })
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{"Msg": "msg", "gpu": "gpus", "timeuot": "timeout", "zzzzzz": ""} {
		if got := Nearest(name, FieldNames()); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
