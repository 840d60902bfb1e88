package agent

import (
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

func TestMine(t *testing.T) {
	live := gpu.Process{PID: 7, Started: 100, UID: 1001, User: "ana", Name: "python", Memory: 1 << 30, Ours: true}
	dead := gpu.Process{PID: 7, UID: -1, Memory: 2 << 30}
	other := gpu.Process{PID: 8, Started: 5, UID: 1002, User: "ben"}
	again := gpu.Process{PID: 7, Started: 200, UID: 1002, User: "ben"}
	for name, c := range map[string]struct {
		looks [][]gpu.Process
		want  gpu.Process // the first of the last look
	}{
		"dead, and was ours":             {[][]gpu.Process{{live}, {dead}}, gpu.Process{PID: 7, UID: 1001, User: "ana", Name: "python", Memory: 2 << 30, Ours: true}},
		"not listed once in between":     {[][]gpu.Process{{live}, {}, {dead}}, gpu.Process{PID: 7, UID: 1001, User: "ana", Name: "python", Memory: 2 << 30, Ours: true}},
		"dead for several looks":         {[][]gpu.Process{{live}, {dead}, {dead}}, gpu.Process{PID: 7, UID: 1001, User: "ana", Name: "python", Memory: 2 << 30, Ours: true}},
		"never seen alive":               {[][]gpu.Process{{dead}}, dead},
		"somebody else":                  {[][]gpu.Process{{live}, {other}}, other},
		"the pid is somebody else's":     {[][]gpu.Process{{live}, {again}}, again},
		"that one is dead by now":        {[][]gpu.Process{{live}, {again}, {dead}}, dead},
		"it lives, and is not the job's": {[][]gpu.Process{{live}, {func() gpu.Process { p := live; p.Ours = false; return p }()}}, func() gpu.Process { p := live; p.Ours = false; return p }()},
	} {
		var m mine
		var got []gpu.Process
		for _, look := range c.looks {
			got, m = m.attribute(look)
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
