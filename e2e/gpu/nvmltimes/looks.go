//go:build linux && cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/gpu/nvml"
	"github.com/mlq-dev/mlq/gpu/probe"
)

// looks measures whole looks of ours at a device, in this process and through
// the probe of the binary that MLQ names as an absolute path.
func (r *report) looks(uuid string) error {
	here, err := nvml.Open()
	if err != nil {
		return err
	}
	defer here.Close() //nolint:errcheck // the process ends
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := r.list(ctx, here); err != nil || uuid == "" {
		return err
	}
	if r.Calls["a whole look, in-process"], err = r.look(ctx, here, uuid); err != nil {
		return err
	}
	there, err := probe.New(probe.Options{Command: []string{os.Getenv("MLQ"), "nvml-probe"}})
	if err != nil {
		return err
	}
	defer there.Close() //nolint:errcheck // the process ends
	r.Calls["a whole look, through the probe"], err = r.look(ctx, there, uuid)
	return err
}

// whyNot says in words why the driver does not open, and what to do, of which a code
// of NVML says nothing.
func whyNot(code error) error {
	here, err := nvml.Open()
	if err != nil {
		return err
	}
	return errors.Join(code, here.Close())
}

func (r *report) list(ctx context.Context, p gpu.Provider) error {
	devices, err := p.Devices(ctx)
	if err != nil {
		return err
	}
	info := p.Info()
	r.Driver, r.CUDA = info.Driver, info.CUDA
	for i := range devices {
		d := &devices[i]
		s, err := p.Sample(ctx, d.UUID)
		if err != nil {
			return err
		}
		r.Devices = append(r.Devices, device{d.UUID, d.Model, string(d.Kind), d.Memory, d.ComputeCapability, d.Minor, d.PCI, d.Parent, s.Used, len(s.Processes), s.Err})
	}
	return nil
}

func (r *report) look(ctx context.Context, p gpu.Provider, uuid string) (spent, error) {
	if _, err := p.Devices(ctx); err != nil { // the probe has opened the driver by then
		return spent{}, err
	}
	var last gpu.Sample
	times := measure(often, func() string {
		s, err := p.Sample(ctx, uuid)
		if err != nil {
			return err.Error()
		}
		last = s
		return s.Err
	})
	if times.Answer != "" {
		return times, fmt.Errorf("a look at %s: %s", uuid, times.Answer)
	}
	r.Memory.Ours = last.Used
	return times, nil
}
