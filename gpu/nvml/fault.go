//go:build linux && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// classes says what a code means that comes instead of an answer to a question
// that every healthy GPU answers. Every other code is gpu.FaultOther.
var classes = map[nvml.Return]gpu.Fault{
	nvml.ERROR_GPU_IS_LOST:      gpu.FaultLost,
	nvml.ERROR_RESET_REQUIRED:   gpu.FaultReset,
	nvml.ERROR_TIMEOUT:          gpu.FaultTimeout,
	nvml.ERROR_NOT_FOUND:        gpu.FaultGone, // the handle's slice was removed
	nvml.ERROR_GPU_NOT_FOUND:    gpu.FaultGone,
	nvml.ERROR_INVALID_ARGUMENT: gpu.FaultGone, // the handle is void
	// The card has nothing to do with these.
	nvml.ERROR_UNINITIALIZED:           gpu.FaultDown,
	nvml.ERROR_DRIVER_NOT_LOADED:       gpu.FaultDown,
	nvml.ERROR_LIB_RM_VERSION_MISMATCH: gpu.FaultDown,
	nvml.ERROR_OPERATING_SYSTEM:        gpu.FaultDown,
	nvml.ERROR_NO_PERMISSION:           gpu.FaultDown,
	nvml.ERROR_MEMORY:                  gpu.FaultDown,
	nvml.ERROR_INSUFFICIENT_RESOURCES:  gpu.FaultDown,
	nvml.ERROR_NOT_READY:               gpu.FaultDown,
}

// fault is the class of a code.
func fault(r nvml.Return) gpu.Fault {
	if r == nvml.SUCCESS {
		return gpu.FaultNone
	}
	if f, ok := classes[r]; ok {
		return f
	}
	return gpu.FaultOther
}

// grave reports whether a code, also as the answer to something that a GPU need
// not know, is about the whole GPU. A code that only says that this one thing is
// not told is none.
func grave(r nvml.Return) bool {
	switch fault(r) {
	case gpu.FaultLost, gpu.FaultReset, gpu.FaultTimeout:
		return true
	case gpu.FaultDown:
		return r == nvml.ERROR_UNINITIALIZED || r == nvml.ERROR_DRIVER_NOT_LOADED || r == nvml.ERROR_LIB_RM_VERSION_MISMATCH
	case gpu.FaultNone, gpu.FaultGone, gpu.FaultOther:
	}
	return false
}

// untold reports whether a code says that this driver or GPU has no such thing.
func untold(r nvml.Return) bool {
	switch r {
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_ARGUMENT_VERSION_MISMATCH,
		nvml.ERROR_DEPRECATED, nvml.ERROR_NO_DATA:
		return true
	}
	return false
}

// reasons are what mends what keeps the driver from answering anything.
var reasons = map[nvml.Return]string{
	nvml.ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded: load it (modprobe nvidia), or restart the machine",
	nvml.ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver in the kernel and its library are of different versions, " +
		"as after an upgrade: load the driver anew, or restart the machine",
	nvml.ERROR_NO_PERMISSION:          "this user may not use the GPUs: look at who may open /dev/nvidia*",
	nvml.ERROR_OPERATING_SYSTEM:       "the operating system keeps this process from the GPUs: look at the device rules of its container or cgroup",
	nvml.ERROR_UNINITIALIZED:          "the NVIDIA driver was let go",
	nvml.ERROR_MEMORY:                 "the machine has no memory left for an answer of the NVIDIA driver",
	nvml.ERROR_INSUFFICIENT_RESOURCES: "the NVIDIA driver has no resources left for an answer",
	nvml.ERROR_NOT_READY:              "the NVIDIA driver is not ready yet",
	nvml.ERROR_UNKNOWN: "the NVIDIA driver answers all questions with an unknown error: " +
		"in a container, restart the container; else look for its words in dmesg",
}

func notOpened(r nvml.Return) error { return fmt.Errorf("%s", reason(r)) }

// reason is why nothing can be asked of any GPU.
func reason(r nvml.Return) string {
	if words, ok := reasons[r]; ok {
		return words
	}
	return fmt.Sprintf("the NVIDIA driver does not open: %s (NVML error %d)", r.Error(), int(r))
}

// words are what the driver said of one GPU.
func words(r nvml.Return) string {
	switch r {
	case nvml.ERROR_GPU_IS_LOST:
		return "the GPU is lost"
	case nvml.ERROR_RESET_REQUIRED:
		return "the GPU has to be reset"
	}
	if text, ok := reasons[r]; ok && fault(r) == gpu.FaultDown {
		return text
	}
	return fmt.Sprintf("%s (NVML error %d)", r.Error(), int(r))
}
