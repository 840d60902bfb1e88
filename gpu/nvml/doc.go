// Package nvml finds and samples NVIDIA's GPUs and MIG slices through the
// driver's own library, in this process.
//
// Whoever opens it should be a process that nobody misses (package probe): a
// call may hang inside the driver and cannot be ended then, a library that was
// loaded once stays loaded although another one lies on the disk by now, and a
// function that a library lacks ends the process when it is called. The last of
// these is guarded against here: what a library has is looked up when it is
// opened, and nothing else is called.
//
// # Time
//
// A call to a GPU that hangs holds one thread and that GPU; others are asked
// without waiting for it. What is cheap is asked at each look: memory,
// processes, compute mode, readings. Memory errors, replaced rows and what the
// driver asks for are slow on some cards, and asked once a minute, and after an
// Xid or a fault.
package nvml

import "errors"

// ErrNotBuilt: this binary was built without a C compiler, and cannot ask the
// driver anything.
var ErrNotBuilt = errors.New("this mlq was built without NVML: build it with a C compiler (gcc), or use --gpus cpu:N")
