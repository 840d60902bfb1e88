package submission

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestConsumerBody: request fields of a URL become those of the job of the process.
func TestConsumerBody(t *testing.T) {
	body, err := ConsumerBody("f", url.Values{
		"keep": {"1"}, "idle": {"30m"}, "gpus": {"2"}, "gpu_mem": {"16GiB"}, "python": {"3.11"}, "labels": {`{"rack": "<a>"}`}, "timeout": {"3600"}, "grace": {"5s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"consumer":"f","gpu_mem":"16GiB","gpus":2,"grace":"5s","labels":{"rack":"<a>"},"python":"3.11","timeout":3600}`
	if string(body) != want {
		t.Errorf("body %s", body)
	}
	p, err := Parse(scheduler.MediaJSON, body)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Request
	if p.Call.Kind != KindConsumer || p.Function != "f" || *r.GPUs != 2 || r.GPUMem != 16<<30 || r.Python != "3.11" || r.Timeout != time.Hour || r.Labels["rack"] != "<a>" {
		t.Errorf("parsed %+v of %+v", p.Request, p.Call)
	}
}

func TestConsumerBodyRefusals(t *testing.T) {
	for query, pointer := range map[string]string{
		"gpus=x": "/gpus", "gpus=65": "/gpus", "gpu_mem=lots": "/gpu_mem", "labels=a": "/labels", "retries=1": "/retries", "run_at=now": "/run_at", "key=k": "/key",
		"timeout=-1s": "/timeout", "after=[1]": "/after", "queue_timeout=1h": "/queue_timeout", "callback=http://a.example/": "/callback",
		"gpu=2": "/gpu", "msg=1": "/msg", "idl=5m": "/idl",
	} {
		params, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ConsumerBody("f", params)
		var e *Error
		if !errors.As(err, &e) || e.Pointer != pointer {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, body := range []string{`{"consumer": ""}`, `{"consumer": 1}`, `{"consumer": "f", "msg": 1}`, `{"consumer": "f", "callback": "http://a.example"}`, `{"consumer": "f", "retries": 1}`} {
		if _, err := Parse(scheduler.MediaJSON, []byte(body)); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
}
