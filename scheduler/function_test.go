package scheduler

import (
	"slices"
	"strings"
	"testing"
)

func TestLaneOf(t *testing.T) {
	f, g, local := Function{Name: "f", Python: "3.11"}, Function{Name: "g"}, Function{Name: "l", Form: FormLocal}
	for _, c := range []struct {
		names  []string
		list   []Function
		class  string
		awaits []string
	}{
		{nil, nil, "gpus=2", []string{AnyFunction}},
		{nil, []Function{g}, "gpus=2", nil},
		{nil, []Function{g, f}, "gpus=2 call=3.11", nil},
		{[]string{"g"}, []Function{g, f}, "gpus=2", nil},
		{[]string{"f", "f"}, []Function{g, f}, "gpus=2 call=3.11", nil},
		{[]string{"h", "f", "i", "h"}, []Function{g, f}, "gpus=2 call=3.11", []string{"h", "i"}},
		{[]string{"h"}, nil, "gpus=2", []string{"h"}},
		{nil, []Function{g, local, f}, "gpus=1 consumer=ana", nil},
		{[]string{"l", "f"}, []Function{f, local}, "gpus=1 consumer=ana function=f function=l", nil},
		{[]string{"f"}, []Function{f, local}, "gpus=2 call=3.11", nil},
		{[]string{"l", "h"}, []Function{local}, "gpus=2 call=3.9", []string{"h"}},
	} {
		l, err := laneOf("ana", Need{GPUs: 2, Call: "3.9"}, c.names, c.list)
		if err != nil || l.need.String() != c.class || !slices.Equal(l.awaits, c.awaits) {
			t.Errorf("%v of %v: %q, awaits %q, %v", c.names, c.list, l.need, l.awaits, err)
		}
	}
	if _, err := laneOf("ana", Need{}, nil, []Function{f, g, {Name: "h", Python: "3.12"}}); err == nil || !strings.Contains(err.Error(), "f was registered from Python 3.11 and h from 3.12") {
		t.Errorf("two Pythons: %v", err)
	}
	if _, err := laneOf("ana", Need{}, nil, []Function{f, local, {Name: "h", Python: "3.12"}}); err != nil {
		t.Errorf("two Pythons, of which a process takes care: %v", err)
	}
}

func TestFunctionNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"f": true, "_f2": true, "<lambda>": true, "Model.predict": true, "outer.<locals>.f": true, "größe": true, strings.Repeat("f", 128): true,
		"": false, "2f": false, "f g": false, "f\x00": false, "*": false, "a/b": false, "f\n": false, strings.Repeat("f", 129): false, "f\xff": false,
	} {
		if FunctionName(name) != ok {
			t.Errorf("%q: want %v", name, ok)
		}
	}
}
