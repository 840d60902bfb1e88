package submission

import (
	"strconv"
	"strings"

	"github.com/mlq-dev/mlq/internal/units"
)

func readGPUs(p *Parsed, raw []byte) error {
	n, err := readInt(raw, 0, MaxGPUs)
	if err != nil {
		return err
	}
	gpus := int(n)
	p.Request.GPUs = &gpus
	return nil
}

// leastGPUMem is less than any device has: below it somebody wrote 16 for 16 GB.
const leastGPUMem = 1 << 20

func readGPUMem(p *Parsed, raw []byte) error {
	text := string(raw)
	if raw[0] == '"' {
		var err error
		if text, err = decode[string](raw, units.WantBytes); err != nil {
			return err
		}
	} else if strings.ContainsAny(text, ".eE") {
		return invalid("want whole bytes, or a text as \"40GB\" or \"16GiB\"")
	}
	n, err := units.ParseBytes(text)
	if err != nil {
		return invalid(err.Error())
	}
	if n < leastGPUMem {
		return invalid("this says bytes, and fewer than 1 MiB of them; want a text as \"40GB\" or \"16GiB\"")
	}
	p.Request.GPUMem = n
	return nil
}

// mostCC is a capability that no device has for long: 19.9.
const mostCC = 199

// readMinCC takes "8.0" or 8.6.
func readMinCC(p *Parsed, raw []byte) error {
	const want = `want a CUDA compute capability as "8.0"`
	text := string(raw)
	if raw[0] == '"' {
		var err error
		if text, err = decode[string](raw, want); err != nil {
			return err
		}
	}
	major, minor, _ := strings.Cut(text, ".")
	if minor == "" {
		minor = "0"
	}
	if !digits(major) || !digits(minor) || len(major) > 2 || len(minor) > 1 {
		return invalid(want)
	}
	n, err := strconv.Atoi(major + minor)
	if n > mostCC { // 80 for 8.0
		return invalid(want)
	}
	p.Request.MinCC = n
	return err
}
