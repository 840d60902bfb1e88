package api

import (
	"testing"
	"time"

	"github.com/mlq-dev/mlq/scheduler"
)

// TestWantedProcess: whether the process of a kept function is to take some messages.
func TestWantedProcess(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	kept, pickle := scheduler.Function{Name: "f", Keep: true}, scheduler.Function{Name: "g"}
	consumer := func(ago time.Duration, serves ...string) scheduler.Consumer {
		return scheduler.Consumer{Serves: serves, Renewed: now.Add(-ago)}
	}
	for _, c := range []struct {
		name       string
		functions  []string
		registered []scheduler.Function
		consumers  []scheduler.Consumer
		want       string
	}{
		{"nobody takes it", []string{"f"}, []scheduler.Function{kept, pickle}, nil, "f"},
		{"all, of which there is one", nil, []scheduler.Function{kept}, nil, "f"},
		{"all, of which there are two", nil, []scheduler.Function{kept, pickle}, nil, ""},
		{"it is not kept", []string{"g"}, []scheduler.Function{kept, pickle}, nil, ""},
		{"it was removed", []string{"f"}, []scheduler.Function{pickle}, nil, ""},
		{"two", []string{"f", "g"}, []scheduler.Function{kept, pickle}, nil, ""},
		{"a consumer has it", []string{"f"}, []scheduler.Function{kept}, []scheduler.Consumer{consumer(time.Second, "g", "f")}, ""},
		{"a consumer has another", []string{"f"}, []scheduler.Function{kept}, []scheduler.Consumer{consumer(0, "g")}, "f"},
		{"a consumer that is silent has it", []string{"f"}, []scheduler.Function{kept}, []scheduler.Consumer{consumer(time.Minute, "f")}, "f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := wantedProcess(c.functions, c.registered, c.consumers, now, scheduler.DefaultTiming())
			if (got == nil) != (c.want == "") || got != nil && got.Name != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}
