package slot

import (
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/gpu"
)

// The variables by which a restarted slot finds what was its job's.
const (
	markJob   = "MLQ_JOB_ID"
	markFence = "MLQ_FENCE_TOKEN"
	markWidth = 20 // bytes, of both values; _linux.py has the same number
)

// environ is all that a job finds in its environment.
func environ(g *Grant) map[string]string {
	env := maps.Clone(g.Vars)
	if env == nil {
		env = map[string]string{}
	}
	// Ours come last: no variable of the job replaces one of them, but LANG.
	if env["LANG"] == "" {
		env["LANG"] = "C.UTF-8"
	}
	maps.Copy(env, map[string]string{
		"PATH":                 searchPath(g.Python),
		"HOME":                 orElse(g.Home, g.JobDir),
		"TMPDIR":               filepath.Join(g.JobDir, tmpName),
		"CUDA_VISIBLE_DEVICES": visible(g.Devices),
		"CUDA_DEVICE_ORDER":    "PCI_BUS_ID",
		markJob:                strconv.FormatInt(int64(g.Job), 10),
		markFence:              strconv.FormatUint(g.Fence, 10),
		"MLQ_ATTEMPT":          strconv.Itoa(g.Attempt),
		"MLQ_JOB_DIR":          g.JobDir,
		"MLQ_URL":              g.URL,
		"MLQ_TOKEN":            g.Token,
	})
	if g.Account != nil {
		env["USER"], env["LOGNAME"] = g.Account.Name, g.Account.Name
	}
	return env
}

// visible is CUDA_VISIBLE_DEVICES: the UUIDs of real devices. Without one it
// is empty, which hides all: a job on a CPU slot finds no GPU of others.
func visible(devices []Device) string {
	var uuids []string
	for _, d := range devices {
		if d.Kind == gpu.KindGPU || d.Kind == gpu.KindMIG {
			uuids = append(uuids, d.UUID)
		}
	}
	return strings.Join(uuids, ",")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
