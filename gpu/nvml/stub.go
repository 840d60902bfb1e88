//go:build !linux || !cgo

package nvml

import "github.com/mlq-dev/mlq/gpu"

// Built reports whether Open can work in this binary.
const Built = false

// Open fails with ErrNotBuilt.
func Open() (gpu.Provider, error) { return nil, ErrNotBuilt }
