package submission

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

// TestEveryRequestField fails for a field that is read into nothing.
func TestEveryRequestField(t *testing.T) {
	two, ten := 2, 10*time.Second
	want := map[string]struct {
		value string
		then  scheduler.Request
	}{
		"gpus":          {`2`, scheduler.Request{GPUs: &two}},
		"gpu_mem":       {`"16GiB"`, scheduler.Request{GPUMem: 16 << 30}},
		"gpu_type":      {`"H100"`, scheduler.Request{GPUType: "H100"}},
		"min_cc":        {`"8.6"`, scheduler.Request{MinCC: 86}},
		"host":          {`"node7"`, scheduler.Request{Host: "node7"}},
		"labels":        {`{"disk":"nvme"}`, scheduler.Request{Labels: map[string]string{"disk": "nvme"}}},
		"python":        {`"3.11"`, scheduler.Request{Python: "3.11"}},
		"workdir":       {`"/data/ana"`, scheduler.Request{WorkDir: "/data/ana"}},
		"env_vars":      {`{"SEED":"7"}`, scheduler.Request{EnvVars: map[string]string{"SEED": "7"}}},
		"secrets":       {`["HF_TOKEN"]`, scheduler.Request{Secrets: map[string]string{"HF_TOKEN": "HF_TOKEN"}}},
		"name":          {`"ablation"`, scheduler.Request{Name: "ablation"}},
		"priority":      {`-3`, scheduler.Request{Priority: -3}},
		"timeout":       {`"2h"`, scheduler.Request{Timeout: 2 * time.Hour}},
		"queue_timeout": {`90`, scheduler.Request{QueueTimeout: 90 * time.Second}},
		"retries":       {`4`, scheduler.Request{Retries: 4}},
		"grace":         {`"10s"`, scheduler.Request{Grace: &ten}},
		"run_at":        {`"2026-11-24T09:00:00+01:00"`, scheduler.Request{RunAt: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}},
		"after":         {`[3,5]`, scheduler.Request{After: []scheduler.JobID{3, 5}}},
		"on_partition":  {`"keep"`, scheduler.Request{OnPartition: "keep"}},
		"result_ttl":    {`"7d"`, scheduler.Request{ResultTTL: 7 * 24 * time.Hour}},
		"key":           {`"nightly-1"`, scheduler.Request{Key: "nightly-1"}},
	}
	for _, name := range RequestFieldNames() {
		c, ok := want[name]
		if !ok {
			t.Errorf("%s: no case", name)
			continue
		}
		fromJSON, err := Parse(scheduler.MediaJSON, []byte(`{"msg":1,"`+name+`":`+c.value+`}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(fromJSON.Request, c.then) {
			t.Errorf("%s in JSON: got %+v, want %+v", name, fromJSON.Request, c.then)
		}
		fromEnvelope, err := Parse(scheduler.MediaEnvelope, call(t, `{"`+name+`":`+c.value+`}`))
		if err != nil || !reflect.DeepEqual(fromEnvelope.Request, c.then) {
			t.Errorf("%s in an envelope: got %+v, %v", name, fromEnvelope, err)
		}
	}
}

func call(t *testing.T, request string) []byte {
	t.Helper()
	data, err := envelope.Encode(envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(request),
	}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatRuns(t *testing.T) {
	sha := strings.Repeat("a1", 32)
	for _, c := range []struct {
		body, function, version string
		call                    Call
	}{
		{`{"msg":{"arg1":6}}`, "", "", Call{Kind: KindMessage, Msg: []byte(`{"arg1":6}`)}},
		{`{"msg":null,"functions":["a","b"]}`, "b", "", Call{Kind: KindMessage, Msg: []byte(`null`), Functions: []string{"a", "b"}}},
		{`{"source":"def f(m): ...","function":"f","msg":1}`, "f", "", Call{Kind: KindSource, Source: "def f(m): ...", Function: "f", Msg: []byte("1")}},
		{`{"command":["/usr/bin/nvidia-smi","-L"],"cwd":"/tmp"}`, "nvidia-smi", "", Call{Kind: KindCommand, Command: []string{"/usr/bin/nvidia-smi", "-L"}, Cwd: "/tmp"}},
		{`{"call":{"sha256":"` + sha + `","size":9000,"function":"g","python":"3.12.1"}}`, "g", "3.12", Call{Kind: KindUploaded, Ref: Ref{Media: envelope.Media, SHA256: sha, Size: 9000}}},
	} {
		p, err := Parse(scheduler.MediaJSON, []byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if !reflect.DeepEqual(p.Call, c.call) || p.Function != c.function || p.PythonVersion != c.version {
			t.Errorf("%s: got %+v", c.body, p)
		}
		if p.Message != (c.call.Kind == KindMessage) || !reflect.DeepEqual(p.Functions, c.call.Functions) {
			t.Errorf("%s: the job would not know its functions: %+v", c.body, p.Submission)
		}
		if string(p.Body) != c.body || p.Media != scheduler.MediaJSON {
			t.Errorf("%s: the body was not kept as it was", c.body)
		}
	}
}

func TestEnvelopeCall(t *testing.T) {
	body := call(t, `{"gpus":1,"callback":"https://example.org/done"}`)
	p, err := Parse(scheduler.MediaEnvelope, body)
	if err != nil {
		t.Fatal(err)
	}
	if p.Function != "train" || p.PythonVersion != "3.11" || p.Call.Kind != KindEnvelope || p.Callback != "https://example.org/done" {
		t.Errorf("got %+v", p)
	}
}

func TestRefRoundTrip(t *testing.T) {
	ref := Ref{Media: scheduler.MediaJSON, SHA256: strings.Repeat("0", 64), Size: 12}
	body, err := EncodeRef(ref)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(MediaRef, body)
	if err != nil || p.Call.Kind != KindRef || p.Call.Ref != ref {
		t.Fatalf("got %+v, %v", p, err)
	}
}

// TestDeviceWords: a slip in what devices are asked for is told what is right.
func TestDeviceWords(t *testing.T) {
	const memory = `want bytes above 0, or a text as "40GB", "24G" or "16GiB"`
	for fields, want := range map[string]string{
		`"gpu_mem":-1`:               memory,
		`"gpu_mem":0`:                memory,
		`"gpu_mem":"lots"`:           memory,
		`"gpu_mem":"-8GB"`:           memory,
		`"gpu_mem":[]`:               memory,
		`"gpu_mem":16`:               "this says bytes, and fewer than 1 MiB of them",
		`"gpu_mem":"40"`:             "this says bytes, and fewer than 1 MiB of them",
		`"gpu_mem":40e9`:             "want whole bytes",
		`"min_cc":80`:                `want a CUDA compute capability as "8.0"`,
		`"min_cc":"sm_80"`:           `want a CUDA compute capability as "8.0"`,
		`"min_cc":-8.0`:              `want a CUDA compute capability as "8.0"`,
		`"gpus":"two"`:               "want a whole number from 0 to 64",
		`"gpu_type":""`:              "may not be empty",
		`"gpu_type":["A100"]`:        "want a text",
		`"host":""`:                  "may not be empty",
		`"labels":{"a":1}`:           "want an object of texts",
		`"labels":["a=b"]`:           "want an object of texts",
		`"workdir":"data/x"`:         "want an absolute path",
		`"gpu":1`:                    "did you mean gpus?",
		`"num_gpus":1`:               "did you mean gpus?",
		`"vram":"8GB"`:               "did you mean gpu_mem?",
		`"GPU_Memory":"8GB"`:         "did you mean gpu_mem?",
		`"gpu_typ":"H100"`:           "did you mean gpu_type?",
		`"model":"H100"`:             "did you mean gpu_type?",
		`"compute_capability":"8.0"`: "did you mean min_cc?",
		`"node":"gpu1"`:              "did you mean host?",
		`"conda":"torch"`:            "did you mean python?",
	} {
		if _, err := Parse(scheduler.MediaJSON, []byte(`{"msg":1,`+fields+`}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want …%s…", fields, err, want)
		}
	}
	for name, field := range meant {
		if _, known := requestFields[field]; !known {
			t.Errorf("%s is told to be %s, which is no field", name, field)
		}
		if _, known := requestFields[name]; known {
			t.Errorf("%s is a field itself", name)
		}
	}
}

func TestOtherMedia(t *testing.T) {
	_, err := Parse("text/html", []byte("x"))
	wantError(t, err, CodeMediaType, "")
}

func TestMembers(t *testing.T) {
	members, err := Members([]byte(`{"jobs":[{"msg":1},{"msg":2}]}`))
	if err != nil || len(members) != 2 || string(members[1]) != `{"msg":2}` {
		t.Fatalf("got %q, %v", members, err)
	}
	for _, bad := range []string{`{"jobs":1}`, `{"jobs":[],"x":1}`, `{}`} {
		if _, err := Members([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func BenchmarkParseMessage(b *testing.B) {
	body := []byte(`{"msg":{"arg1":6,"arg2":3},"gpus":1,"name":"bench"}`)
	for b.Loop() {
		if _, err := Parse(scheduler.MediaJSON, body); err != nil {
			b.Fatal(err)
		}
	}
}
