package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// TestConsumerClass: whose consumers a class is for can be read again, whatever the names.
func TestConsumerClass(t *testing.T) {
	n := ConsumerNeed("ana b=1", []string{"load model", "f", "f"})
	class := n.String()
	back, err := ParseNeed(class)
	if err != nil || back.String() != class || back.Consumer != "ana b=1" || strings.Join(back.Functions, ",") != "f,load model" {
		t.Errorf("%q came back as %+v, %v", class, back, err)
	}
	if consumerOf(class) != "ana b=1" || !consumed(class) {
		t.Errorf("%q is for the consumers of %q", class, consumerOf(class))
	}
	for _, other := range []Need{{GPUs: 1}, {GPUs: 1, Host: "a consumer=ana"}, {GPUs: 1, Labels: map[string]string{"consumer": "ana"}}} {
		if consumed(other.String()) || consumerOf(other.String()) != "" {
			t.Errorf("%q is for consumers", other)
		}
	}
	if public := n.Public().String(); strings.Contains(public, "ana") || strings.Contains(public, "model") {
		t.Errorf("others see %q", public)
	}
}

// TestConsumerFits: a message goes to the consumers of its user that have its functions, and they get nothing else.
func TestConsumerFits(t *testing.T) {
	consumer := func(user string, all bool, serves ...string) Offer {
		return Offer{
			Host: ConsumerHost("00000000000000aa"), Consumer: user, Serves: serves, ServesAll: all,
			Devices: []OfferedDevice{{Device: gpu.Device{UUID: "consumer-00000000000000aa", Kind: gpu.KindConsumer}, Free: true}},
		}
	}
	host := Offer{Host: "node1", Devices: []OfferedDevice{
		{Device: gpu.Device{UUID: "GPU-1", Kind: gpu.KindGPU, Memory: 80 << 30}, Free: true},
		{Device: gpu.Device{UUID: "CPU-1", Kind: gpu.KindCPU, StandIn: true}, Free: true},
	}}
	for _, c := range []struct {
		name  string
		need  Need
		offer Offer
		why   string // part of it; "": it fits
	}{
		{"its function", ConsumerNeed("ana", []string{"f"}), consumer("ana", false, "f", "g"), ""},
		{"both of them", ConsumerNeed("ana", []string{"g", "f"}), consumer("ana", false, "f", "g"), ""},
		{"one is missing", ConsumerNeed("ana", []string{"f", "h"}), consumer("ana", true, "f", "g"), "no function h"},
		{"all that are registered", ConsumerNeed("ana", nil), consumer("ana", true, "f"), ""},
		{"not all of them", ConsumerNeed("ana", nil), consumer("ana", false, "f"), "not all functions"},
		{"another user's", ConsumerNeed("ana", []string{"f"}), consumer("bob", true, "f"), "another user"},
		{"no host", ConsumerNeed("ana", []string{"f"}), host, "is a host"},
		{"a GPU job", Need{GPUs: 1}, consumer("ana", true, "f"), "takes messages"},
		{"a CPU job", Need{GPUs: 0}, consumer("ana", true, "f"), "takes messages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fitHost(c.need, "", &c.offer)
			ever, _ := couldRun(c.need, &c.offer)
			switch {
			case c.why == "" && m != nil, c.why != "" && (m == nil || !strings.Contains(m.text, c.why)):
				t.Errorf("got %+v", m)
			case ever != (c.why == ""):
				t.Error("a view says otherwise")
			}
		})
	}
}

func TestDeviceKindsDoNotMix(t *testing.T) {
	consumer := gpu.Device{Kind: gpu.KindConsumer}
	card := gpu.Device{Kind: gpu.KindGPU, Memory: 80 << 30, ComputeCapability: 90}
	for need, want := range map[*Need][2]bool{
		{GPUs: 1}:                  {false, true},
		{GPUs: 0}:                  {false, false},
		{GPUs: 1, Consumer: "ana"}: {true, false},
	} {
		if got := [2]bool{fits(*need, &consumer, false), fits(*need, &card, false)}; got != want {
			t.Errorf("%s: consumer and card fit %v", need, got)
		}
	}
}

func TestConsumerNames(t *testing.T) {
	for name, want := range map[string]bool{
		"consumer-0123456789abcdef": true, "consumer-0123456789abcdef@GPU-1": true,
		"consumer-0123456789abcde": false, "consumer-0123456789abcdef0": false, "consumer-0123456789ABCDEF": false, "node1": false, "consumer-lab": false,
	} {
		if IsConsumer(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestWhyConsumers(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	at := func(id string, ago time.Duration, job JobID, serves ...string) Consumer {
		return Consumer{ID: id, User: "ana", Job: job, Serves: serves, Renewed: now.Add(-ago)}
	}
	works := func(id string, job JobID) Lease {
		return Lease{Job: job, Host: ConsumerHost(id), Since: now.Add(-time.Minute)}
	}
	one, two := "00000000000000aa", "00000000000000bb"
	for _, c := range []struct {
		name      string
		functions []string
		consumers []Consumer
		leases    []Lease
		want      string
	}{
		{"none", []string{"f"}, nil, nil, "no-consumer: no process that has the function f takes messages now"},
		{"all, and none", nil, nil, nil, "no-consumer: no process that has all functions that are registered takes messages now"},
		{"of others", []string{"f", "g"}, []Consumer{at(one, 0, 0, "f")}, nil, "no-consumer: no process that has the functions f and g takes messages now"},
		{"busy", []string{"f"}, []Consumer{at(one, 0, 7, "f")}, []Lease{works(one, 53)}, "consumer-busy: those that have the function f are busy: the process of job 7 works on job 53 since 09:59:00"},
		{"silent", []string{"f"}, []Consumer{at(one, 20*time.Second, 0, "f")}, nil, "consumer-silent: the process consumer-00000000000000aa was heard of 20s ago"},
		{
			"one busy, one silent",
			[]string{"f"},
			[]Consumer{at(one, 0, 7, "f"), at(two, 20*time.Second, 0, "f")},
			[]Lease{works(one, 53)},
			"consumer-busy: those that have the function f are busy: the process of job 7 works on job 53 since 09:59:00; consumer-silent: the process consumer-00000000000000bb was heard of 20s ago",
		},
		{"one is free", []string{"f"}, []Consumer{at(one, 0, 7, "f"), at(two, time.Second, 0, "f")}, []Lease{works(one, 53)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var words []string
			for _, r := range whyConsumers(ConsumerNeed("ana", c.functions), c.consumers, c.leases, now, DefaultTiming()) {
				words = append(words, r.Code+": "+r.Text)
			}
			if got := strings.Join(words, "; "); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
