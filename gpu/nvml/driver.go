package nvml

import (
	"strconv"
	"strings"
)

// wrongLists reports whether a driver's lists of processes are known to be
// wrong: from 535.43 to before 535.86 the records have another size than its own
// header says, so that asking for them is not even safe (gpustat#161, go-nvml#75).
func wrongLists(driver string) bool {
	parts := strings.Split(driver, ".")
	if len(parts) < 2 || parts[0] != "535" {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	return err == nil && minor >= 43 && minor < 86
}

// instances reads the GPU instance and compute instance out of the UUID that
// drivers before 470.42 give a slice: MIG-GPU-<uuid of the GPU>/<gi>/<ci>.
func instances(uuid string) (gi, ci int, ok bool) {
	parts := strings.Split(uuid, "/")
	if len(parts) != 3 || !strings.HasPrefix(uuid, "MIG-GPU-") {
		return 0, 0, false
	}
	gi, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, 0, false
	}
	ci, err = strconv.Atoi(parts[2])
	return gi, ci, err == nil
}

// recoveries are the words for nvmlDeviceGpuRecoveryAction_t (nvml.h), after
// "the driver asks for:".
var recoveries = map[uint32]string{
	0: "",
	1: "a reset of the GPU",
	2: "a restart of the host",
	3: "an end of all traffic between GPUs",
	4: "an end of all traffic between GPUs and a reset of this one",
	5: "a recovery of its IMEX domain",
	6: "a reset of its PCIe bus",
	7: "a restart of the system",
}

func recovery(action uint32) string {
	if words, ok := recoveries[action]; ok {
		return words
	}
	return "recovery action " + strconv.FormatUint(uint64(action), 10)
}
