package submission

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/internal/fuzzseed"
	"github.com/mlq-dev/mlq/scheduler"
)

// bodies are submissions as clients send them, each field at least once.
var bodies = []string{
	`{"msg":{"x":1},"functions":["train"],"gpus":2,"gpu_mem":"16GiB","gpu_type":"A100","min_cc":"8.0"}`,
	`{"source":"def f(m): return m","function":"f","msg":[1.5e3,null],"filename":"a.py","python":"3.11"}`,
	`{"command":["python","-c","print(1)"],"cwd":"/tmp","env_vars":{"A":"b"},"secrets":{"TOKEN":"wandb"}}`,
	`{"hold":"2h","host":"h1","name":"lunch"}`,
	`{"call":{"sha256":"` + strings.Repeat("ab", 32) + `","size":5,"function":"f","python":"3.11.7"},"key":"k"}`,
	`{"msg":null,"labels":{"a":"b"},"priority":-3,"timeout":90,"queue_timeout":"1h30m","retries":2,"grace":0}`,
	`{"msg":"x","run_at":"2026-11-24T08:00:00Z","after":[1,2],"on_partition":"keep","result_ttl":"7d","workdir":"/a/b"}`,
	`{"msg":1,"run_at":1800000000.5,"after":7,"callback":"https://example.org/x"}`,
	`{"consumer":"train","gpus":1}`,
}

func addBodies(f *testing.F) {
	f.Helper()
	seeds := fuzzseed.For(f)
	for _, body := range bodies {
		seeds.Add(false, []byte(body))
	}
	call, err := envelope.Encode(envelope.Header{
		Kind: envelope.KindCall, Function: "train", Python: "3.11.7", Request: []byte(`{"gpus":1,"timeout":"2h"}`),
		Modules: &envelope.Blob{SHA256: strings.Repeat("0", 64), Size: 9},
	}, envelope.Part{Name: "code", Data: []byte("c")}, envelope.Part{Name: "args", Data: []byte("a")})
	if err != nil {
		f.Fatal(err)
	}
	seeds.Add(true, call)
}

// FuzzParse: every body is taken or refused in words that repeat no value of it, the
// same each time; what is taken is JSON to every other reader too, and within the limits.
func FuzzParse(f *testing.F) {
	addBodies(f)
	f.Fuzz(func(t *testing.T, isEnvelope bool, body []byte) {
		media := scheduler.MediaJSON
		if isEnvelope {
			media = scheduler.MediaEnvelope
		}
		before := bytes.Clone(body)
		p, err := Parse(media, body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		again, err2 := Parse(media, body)
		if !reflect.DeepEqual(p, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("read twice, two answers: %v, %v", err, err2)
		}
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkTaken(t, p)
		if !isEnvelope && !json.Valid(body) {
			t.Fatalf("taken, and no JSON: %q", body)
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("a refusal of no kind: %v", err)
	}
	if e.Code == "" || e.Detail == "" || len(e.Detail) > 400 {
		t.Fatalf("refused as %q with %d bytes: %s", e.Code, len(e.Detail), e.Detail)
	}
}

// checkTaken holds what the scheduler and the agent rely on.
func checkTaken(t *testing.T, p *Parsed) {
	t.Helper()
	r := p.Request
	for name, text := range map[string]string{"name": r.Name, "gpu_type": r.GPUType, "host": r.Host, "function": p.Function} {
		if checkText(text, MaxText) != nil {
			t.Fatalf("%s is %q", name, text)
		}
	}
	for name := range r.EnvVars {
		if ReservedEnv(name) || !envName(name) {
			t.Fatalf("the variable %q", name)
		}
	}
	if r.Timeout < 0 || r.QueueTimeout < 0 || r.ResultTTL < 0 || r.Grace != nil && *r.Grace < 0 {
		t.Fatalf("a negative time: %+v", r)
	}
	if len(r.After) > MaxAfter || len(r.Labels) > MaxLabels || len(r.EnvVars) > MaxEnvVars || r.GPUs != nil && (*r.GPUs < 0 || *r.GPUs > MaxGPUs) {
		t.Fatalf("above the limits: %+v", r)
	}
	if p.Call.Kind == "" || r.WorkDir != "" && checkPath(r.WorkDir) != nil {
		t.Fatalf("of kind %q in %q", p.Call.Kind, r.WorkDir)
	}
	if p.Call.Kind == KindUploaded && (!IsSHA256(p.Call.Ref.SHA256) || p.Call.Ref.Size < 1) {
		t.Fatalf("uploaded as %+v", p.Call.Ref)
	}
}

// FuzzMembers: the members of a batch are those that encoding/json sees.
func FuzzMembers(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add([]byte(`{"jobs":[` + bodies[0] + `, ` + bodies[3] + `]}`))
	seeds.Add([]byte(`{"jobs":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		members, err := Members(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		var want struct {
			Jobs []json.RawMessage `json:"jobs"`
		}
		if err := json.Unmarshal(body, &want); err != nil || len(want.Jobs) != len(members) {
			t.Fatalf("%d members, encoding/json sees %d, %v, in %q", len(members), len(want.Jobs), err, body)
		}
		for i, m := range members {
			if !bytes.Equal(m, want.Jobs[i]) {
				t.Fatalf("member %d is %q, encoding/json sees %q", i, m, want.Jobs[i])
			}
		}
	})
}

// FuzzConsumerBody: the body that is made of a registration's parameters is one that the
// server itself takes, for that function.
func FuzzConsumerBody(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, query := range []string{"gpus=2&gpu_mem=16GB", "python=3.11&idle=5m&keep=true", `labels={"a":"b"}&name=x`, "timeout=1h&priority=3", "gpu=2", "secrets={\"A\":\"b\"}"} {
		seeds.Add("train", query)
	}
	f.Fuzz(func(t *testing.T, function, query string) {
		params, err := url.ParseQuery(query)
		if err != nil || !scheduler.FunctionName(function) {
			return
		}
		body, err := ConsumerBody(function, params)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		p, err := Parse(scheduler.MediaJSON, body)
		if err != nil || p.Call.Kind != KindConsumer || p.Call.Function != function {
			t.Fatalf("made %s, which is read as %+v, %v", body, p, err)
		}
	})
}
