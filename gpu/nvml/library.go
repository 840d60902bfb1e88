//go:build linux && cgo

package nvml

import (
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// file is the name under which all drivers install their library.
const file = "libnvidia-ml.so.1"

// library is the driver's, loaded. go-nvml ends the process when a function is
// called that the library lacks: every function but the needed is called behind
// has or told.
type library struct {
	api     nvml.Interface
	symbols map[string]bool
}

// needed are the functions without which nothing can be told. Of a list of
// names one is enough; go-nvml takes the newest.
var needed = [][]string{
	{"nvmlInit", "nvmlInit_v2"},
	{"nvmlShutdown"},
	{"nvmlErrorString"},
	{"nvmlDeviceGetCount", "nvmlDeviceGetCount_v2"},
	{"nvmlDeviceGetHandleByIndex", "nvmlDeviceGetHandleByIndex_v2"},
	{"nvmlDeviceGetUUID"},
}

// Functions that go-nvml takes the newest of.
var (
	pciInfo   = []string{"nvmlDeviceGetPciInfo", "nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo_v3"}
	remotePCI = []string{"nvmlDeviceGetNvLinkRemotePciInfo", "nvmlDeviceGetNvLinkRemotePciInfo_v2"}
	eventWait = []string{"nvmlEventSetWait", "nvmlEventSetWait_v2"}
	compute   = lists("Compute")
	graphics  = lists("Graphics")
	mps       = lists("MPSCompute")
)

func lists(kind string) []string {
	name := "nvmlDeviceGet" + kind + "RunningProcesses"
	return []string{name, name + "_v2", name + "_v3"}
}

// optional are all functions that are called beside the needed ones.
var optional = []string{
	"nvmlSystemGetDriverVersion", "nvmlSystemGetCudaDriverVersion", "nvmlSystemGetCudaDriverVersion_v2",
	"nvmlDeviceGetName", "nvmlDeviceGetMinorNumber", "nvmlDeviceGetPciInfo", "nvmlDeviceGetPciInfo_v2",
	"nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetDisplayActive",
	"nvmlDeviceGetDisplayMode", "nvmlDeviceGetPersistenceMode", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetMemoryInfo_v2",
	"nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetComputeRunningProcesses_v2",
	"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses",
	"nvmlDeviceGetGraphicsRunningProcesses_v2", "nvmlDeviceGetGraphicsRunningProcesses_v3",
	"nvmlDeviceGetMPSComputeRunningProcesses", "nvmlDeviceGetMPSComputeRunningProcesses_v2",
	"nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlDeviceGetComputeMode", "nvmlDeviceGetUtilizationRates",
	"nvmlDeviceGetTemperature", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetClockInfo",
	"nvmlDeviceGetTotalEccErrors", "nvmlDeviceGetRemappedRows", "nvmlDeviceGetFieldValues", "nvmlDeviceGetMigMode",
	"nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex", "nvmlDeviceGetGpuInstanceId",
	"nvmlDeviceGetComputeInstanceId", "nvmlDeviceGetNvLinkState", "nvmlDeviceGetNvLinkRemotePciInfo",
	"nvmlDeviceGetNvLinkRemotePciInfo_v2", "nvmlDeviceGetNvLinkRemoteDeviceType",
	"nvmlDeviceGetTopologyCommonAncestor", "nvmlEventSetCreate", "nvmlEventSetFree", "nvmlEventSetWait",
	"nvmlEventSetWait_v2", "nvmlDeviceRegisterEvents",
}

// load finds the library and looks up what it has. It is loaded here first,
// because go-nvml does not tell why it could not be, and would call nvmlInit of
// a library that has none. It is never unloaded: the bound functions point into it.
func load() (library, error) {
	lib := dl.New(file, dl.RTLD_LAZY|dl.RTLD_GLOBAL)
	if err := lib.Open(); err != nil {
		return library{}, fmt.Errorf("the NVIDIA driver's library cannot be loaded (%w): install the driver, or use --gpus cpu:N", err)
	}
	l := library{api: nvml.New(), symbols: map[string]bool{}}
	names := append([]string(nil), optional...)
	for _, some := range needed {
		names = append(names, some...)
	}
	for _, name := range names {
		l.symbols[name] = lib.Lookup(name) == nil
	}
	for _, some := range needed {
		if !l.has(some...) {
			return l, fmt.Errorf("the NVIDIA driver's library has no function %s: another driver has to be installed", strings.Join(some, " or "))
		}
	}
	return l, nil
}

// has reports whether the library has one of the functions.
func (l *library) has(names ...string) bool {
	for _, name := range names {
		if l.symbols[name] {
			return true
		}
	}
	return false
}

// told is what a call says that not every driver, or not every GPU, has an
// answer to: nil where it has not. The code is one that concerns the whole GPU.
func told[T any](l *library, call func() (T, nvml.Return), names ...string) (*T, nvml.Return) {
	if !l.has(names...) {
		return nil, nvml.SUCCESS
	}
	v, r := call()
	switch {
	case r == nvml.SUCCESS:
		return &v, r
	case grave(r):
		return nil, r
	}
	return nil, nvml.SUCCESS
}

// asked is told, for many questions in a row: it keeps the last grave code.
func asked[T any](l *library, worst *nvml.Return, call func() (T, nvml.Return), names ...string) *T {
	v, r := told(l, call, names...)
	if r != nvml.SUCCESS {
		*worst = r
	}
	return v
}

func (l *library) versions() (v version) {
	if driver, _ := told(l, l.api.SystemGetDriverVersion, "nvmlSystemGetDriverVersion"); driver != nil {
		v.driver = *driver
	}
	cuda, _ := told(l, l.api.SystemGetCudaDriverVersion_v2, "nvmlSystemGetCudaDriverVersion_v2")
	if cuda == nil {
		cuda, _ = told(l, l.api.SystemGetCudaDriverVersion, "nvmlSystemGetCudaDriverVersion")
	}
	if cuda != nil {
		v.cuda = fmt.Sprintf("%d.%d", *cuda/1000, *cuda%1000/10)
	}
	return v
}
