//go:build linux && cgo

package nvml

import (
	"encoding/binary"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/mlq-dev/mlq/gpu"
)

// slow is what is asked once a minute of a GPU that is well, for all its slices.
type slow struct {
	at                        time.Time
	uncorrected               *int64
	remapPending, remapFailed bool
	recovery                  *uint32
}

// ill: it keeps the card from use, so that each look asks whether it still holds.
// Else a card that was mended stays sick for a minute against an admin's word.
func (s *slow) ill() bool {
	return s.remapFailed || s.recovery != nil && recovery(*s.recovery) != ""
}

// health puts in what is known of the GPU's health, and asks for it when that is old.
func (p *provider) health(x *part, s *gpu.Sample) nvml.Return {
	c := x.card
	if c.stale.Swap(false) || c.slow.ill() || time.Since(c.slow.at) >= p.times.slow {
		next, r := p.slow(x.whole)
		if r != nvml.SUCCESS {
			return r
		}
		c.slow = next
	}
	s.Uncorrected = c.slow.uncorrected
	s.RemapPending, s.RemapFailed = c.slow.remapPending, c.slow.remapFailed
	if c.slow.recovery != nil {
		s.Recovery, s.RecoveryKnown = recovery(*c.slow.recovery), true
	}
	return nvml.SUCCESS
}

func (p *provider) slow(h nvml.Device) (slow, nvml.Return) {
	now := slow{at: time.Now()}
	n, r := told(&p.library, uncorrected(h), "nvmlDeviceGetTotalEccErrors")
	if r != nvml.SUCCESS {
		return now, r
	}
	if n != nil {
		v := int64(*n)
		now.uncorrected = &v
	}
	rows, r := told(&p.library, remapped(h), "nvmlDeviceGetRemappedRows")
	if r != nvml.SUCCESS {
		return now, r
	}
	if rows != nil {
		now.remapPending, now.remapFailed = rows[0], rows[1]
	}
	now.recovery, r = told(&p.library, action(h), "nvmlDeviceGetFieldValues")
	return now, r
}

// uncorrected counts since the driver was loaded.
func uncorrected(h nvml.Device) func() (uint64, nvml.Return) {
	return func() (uint64, nvml.Return) {
		return h.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
	}
}

// remapped: whether a row of memory waits to be replaced, and whether one could not be.
func remapped(h nvml.Device) func() ([2]bool, nvml.Return) {
	return func() ([2]bool, nvml.Return) {
		_, _, pending, failed, r := h.GetRemappedRows()
		return [2]bool{pending, failed}, r
	}
}

// action is field 230: what the driver asks for. Each field has an answer of its own.
func action(h nvml.Device) func() (uint32, nvml.Return) {
	return func() (uint32, nvml.Return) {
		values := []nvml.FieldValue{{FieldId: nvml.FI_DEV_GET_GPU_RECOVERY_ACTION}}
		r := h.GetFieldValues(values)
		if r == nvml.SUCCESS {
			r = nvml.Return(values[0].NvmlReturn)
		}
		return binary.NativeEndian.Uint32(values[0].Value[:4]), r
	}
}
