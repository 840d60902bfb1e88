package isolation

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/gpu"
)

// hostOf lays out what the kernel and NVIDIA's driver tell in /proc.
func hostOf(t *testing.T, files map[string]string) kernel {
	t.Helper()
	proc := t.TempDir()
	for name, text := range files {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return kernel{proc}
}

const devices = `Character devices:
  1 mem
136 pts
195 nvidia
195 nvidiactl
231 infiniband_verbs
234 nvidia-caps
235 nvidia-uvm

Block devices:
  7 loop
234 nvidia-uvm
`

func withMIG() map[string]string {
	return map[string]string{
		"devices": devices,
		"driver/nvidia/capabilities/gpu2/mig/gi3/access":     "DeviceFileMinor: 30\nDeviceFileMode: 292\nDeviceFileModify: 1\n",
		"driver/nvidia/capabilities/gpu2/mig/gi3/ci1/access": "DeviceFileMinor: 32\nDeviceFileMode: 292\nDeviceFileModify: 1\n",
	}
}

// shown writes nodes as systemd would be told.
func shown(nodes []Node) (words []string) {
	for _, n := range nodes {
		words = append(words, strings.TrimPrefix(n.path(), "/dev/char/")+" "+n.Access)
	}
	return words
}

func TestDevicesOfALease(t *testing.T) {
	shared := []string{"195:255 rw", "195:254 rw", "235:0 rw", "235:1 rw"}
	for name, c := range map[string]struct {
		cards []Card
		want  []string
	}{
		"a CPU slot":       {[]Card{{Kind: gpu.KindCPU}}, nil},
		"a simulated card": {[]Card{{Kind: gpu.KindSim}}, nil},
		"no device":        {nil, nil},
		"a card":           {[]Card{{Kind: gpu.KindGPU, Minor: 4}}, append([]string{"195:4 rw"}, shared...)},
		"the first card":   {[]Card{{Kind: gpu.KindGPU}}, append([]string{"195:0 rw"}, shared...)},
		"two cards":        {[]Card{{Kind: gpu.KindGPU, Minor: 4}, {Kind: gpu.KindGPU, Minor: 1}}, append([]string{"195:4 rw", "195:1 rw"}, shared...)},
		"a slice":          {[]Card{{Kind: gpu.KindMIG, Minor: 2, GI: 3, CI: 1}}, append([]string{"195:2 rw", "234:30 rw", "234:32 rw"}, shared...)},
	} {
		nodes, err := hostOf(t, withMIG()).nodes(c.cards)
		want := append([]string{"char-infiniband_verbs rw"}, c.want...)
		if got := shown(nodes); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
}

// What cannot be known is no reason to open more.
func TestDevicesThatAreNotKnown(t *testing.T) {
	slice := Card{Kind: gpu.KindMIG, Minor: 2, GI: 3, CI: 1}
	for name, c := range map[string]struct {
		files map[string]string
		card  Card
		want  string
	}{
		"a card that is gone":      {withMIG(), Card{Kind: gpu.KindGPU, Minor: -1}, "not known"},
		"the control device":       {withMIG(), Card{Kind: gpu.KindGPU, Minor: 255}, "not known"},
		"no capabilities":          {map[string]string{"devices": "195 nvidia\n"}, slice, "no nvidia-caps"},
		"a slice that is gone":     {map[string]string{"devices": devices}, slice, "capability of a slice"},
		"another compute instance": {withMIG(), Card{Kind: gpu.KindMIG, Minor: 2, GI: 3, CI: 2}, "ci2"},
		"a file without a number": {map[string]string{
			"devices": devices, "driver/nvidia/capabilities/gpu2/mig/gi3/access": "DeviceFileMode: 292\n",
		}, slice, "DeviceFileMinor"},
		"a number that is none": {map[string]string{
			"devices": devices, "driver/nvidia/capabilities/gpu2/mig/gi3/access": "DeviceFileMinor: -1\n",
		}, slice, "invalid syntax"},
		"no list of devices": {nil, slice, "devices"},
	} {
		nodes, err := hostOf(t, c.files).nodes([]Card{c.card})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want …%s…", name, shown(nodes), err, c.want)
		}
		held, free := Place{Devices: true, kernel: hostOf(t, c.files)}, Place{kernel: hostOf(t, c.files)}
		if err := held.Refuses(c.card); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: refuses with %v", name, err)
		}
		if err := free.Refuses(c.card); err != nil {
			t.Errorf("%s: refused where jobs may open every device: %v", name, err)
		}
	}
}
