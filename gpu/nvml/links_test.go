//go:build linux && cgo

package nvml

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml/standin"
)

func links(t *testing.T, p *provider) []gpu.Link {
	t.Helper()
	all, err := p.Links(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGPUsJoinedByNVLinks(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 4).Use()
	s.Change(func(lines map[string]string) {
		for _, pair := range [][2]int{{0, 1}, {2, 3}} {
			for link := range 4 {
				lines[fmt.Sprintf("%d.link.%d", pair[0], link)] = fmt.Sprint(pair[1])
				lines[fmt.Sprintf("%d.link.%d", pair[1], link)] = fmt.Sprint(pair[0])
			}
		}
		lines["0.link.3"], lines["1.link.3"] = "off", "off"
		lines["topo.0.1"] = "10"
		lines["topo.2.3"] = "20"
		lines["topo.0.2"] = "40"
	})
	want := []gpu.Link{
		{A: standin.UUID(0), B: standin.UUID(1), NVLinks: 3, Level: gpu.LevelSingle},
		{A: standin.UUID(0), B: standin.UUID(2), Level: gpu.LevelNode},
		{A: standin.UUID(2), B: standin.UUID(3), NVLinks: 4, Level: gpu.LevelMultiple},
	}
	p := opened(t)
	if d := cmp.Diff(want, links(t, p)); d != "" {
		t.Error(d)
	}
	s.Lose(3) // it is joined to nobody, and takes nobody along
	if d := cmp.Diff(want[:2], links(t, p)[:2]); d != "" {
		t.Error(d)
	}
	s.Regain(3)
	s.Cut(0, half(0, "MIG-a", 1))
	list(t, p)
	if d := cmp.Diff(want[2:], links(t, p)); d != "" {
		t.Error("with a GPU that is cut:", d)
	}
}

// Behind a switch the other end is the switch, or is not told.
func TestGPUsBehindASwitch(t *testing.T) {
	if standin.RunInChild(t) {
		return
	}
	s := standin.New(t, 3).Use()
	s.Change(func(lines map[string]string) {
		for link := range 18 {
			lines[fmt.Sprintf("0.link.%d", link)] = "switch"
			lines[fmt.Sprintf("1.link.%d", link)] = "switch"
		}
		lines["1.link.17"] = "off"
	})
	want := []gpu.Link{{A: standin.UUID(0), B: standin.UUID(1), NVLinks: 17, Level: gpu.LevelSystem}}
	p := opened(t)
	if d := cmp.Diff(want, links(t, p)); d != "" {
		t.Error(d)
	}
	s.Set("ret.nvmlDeviceGetNvLinkRemotePciInfo_v2", "3")
	if d := cmp.Diff(want, links(t, p)); d != "" {
		t.Error("without the address of the switch:", d)
	}
}
