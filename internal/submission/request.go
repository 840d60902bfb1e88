package submission

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mlq-dev/mlq/internal/units"
	"github.com/mlq-dev/mlq/scheduler"
)

// requestFields are the request fields, each with what reads it.
var requestFields = map[string]reader{
	"gpus":          readGPUs,
	"gpu_mem":       readGPUMem,
	"gpu_type":      textField(func(r *scheduler.Request) *string { return &r.GPUType }),
	"min_cc":        readMinCC,
	"host":          textField(func(r *scheduler.Request) *string { return &r.Host }),
	"labels":        readLabels,
	"python":        readPython,
	"workdir":       readWorkDir,
	"env_vars":      readEnvVars,
	"secrets":       readSecrets,
	"name":          textField(func(r *scheduler.Request) *string { return &r.Name }),
	"priority":      intField(math.MinInt32, math.MaxInt32, func(r *scheduler.Request) *int { return &r.Priority }),
	"timeout":       durationField(time.Millisecond, func(r *scheduler.Request) *time.Duration { return &r.Timeout }),
	"queue_timeout": durationField(time.Millisecond, func(r *scheduler.Request) *time.Duration { return &r.QueueTimeout }),
	"retries":       intField(0, 100, func(r *scheduler.Request) *int { return &r.Retries }),
	"grace":         readGrace,
	"run_at":        readRunAt,
	"after":         readAfter,
	"on_partition":  readOnPartition,
	"result_ttl":    durationField(time.Second, func(r *scheduler.Request) *time.Duration { return &r.ResultTTL }),
	"key":           readKey,
}

func textField(to func(*scheduler.Request) *string) reader {
	return func(p *Parsed, raw []byte) error {
		text, err := readText(raw)
		*to(&p.Request) = text
		return err
	}
}

func intField(least, most int64, to func(*scheduler.Request) *int) reader {
	return func(p *Parsed, raw []byte) error {
		n, err := readInt(raw, least, most)
		*to(&p.Request) = int(n)
		return err
	}
}

func durationField(least time.Duration, to func(*scheduler.Request) *time.Duration) reader {
	return func(p *Parsed, raw []byte) error {
		d, err := readDuration(raw, least)
		*to(&p.Request) = d
		return err
	}
}

// readInt takes a whole number; 2.0 and 2e0 are refused, because the caller's
// program computes floats where it should not.
func readInt(raw []byte, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < least || n > most {
		return 0, invalid(fmt.Sprintf("want a whole number from %d to %d", least, most))
	}
	return n, nil
}

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

func readLabels(p *Parsed, raw []byte) error {
	labels, err := readMap(raw, "want an object of texts", MaxLabels)
	if err != nil {
		return err
	}
	for name, value := range labels {
		if err := checkText(name, MaxText); err != nil || name == "" {
			return below(at(name), invalid("want label names of 1 to 128 printable bytes"))
		}
		if err := checkText(value, MaxText); err != nil {
			return below(at(name), err)
		}
	}
	p.Request.Labels = labels
	return nil
}

func readMap(raw []byte, want string, most int) (map[string]string, error) {
	if len(raw) > MaxFields {
		return nil, invalid("more than 64 KiB")
	}
	texts, err := decode[map[string]*string](raw, want)
	if err != nil {
		return nil, err
	}
	if len(texts) > most {
		return nil, invalid(fmt.Sprintf("at most %d entries", most))
	}
	values := make(map[string]string, len(texts))
	for name, text := range texts {
		if text == nil {
			return nil, below(at(name), invalid("want a text, not null"))
		}
		values[name] = *text
	}
	return values, nil
}

// readPython takes an environment's name, a version or an absolute path.
func readPython(p *Parsed, raw []byte) error {
	text, err := decode[string](raw, `want an environment's name, a version as "3.11", or an absolute path`)
	if err != nil {
		return err
	}
	p.Request.Python = text
	if strings.HasPrefix(text, "/") {
		return checkPath(text)
	}
	return checkText(text, MaxText)
}

func readWorkDir(p *Parsed, raw []byte) error {
	dir, err := readPath(raw)
	p.Request.WorkDir = dir
	return err
}

func readGrace(p *Parsed, raw []byte) error {
	d, err := readDuration(raw, 0)
	if err != nil {
		return err
	}
	if d > time.Hour {
		return invalid("at most 1h")
	}
	p.Request.Grace = &d
	return nil
}

// readRunAt takes an RFC 3339 time with its zone, or Unix seconds.
func readRunAt(p *Parsed, raw []byte) error {
	const want = `want a time as "2026-11-24T08:00:00Z", or Unix seconds`
	if raw[0] != '"' {
		seconds, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || seconds < 0 || seconds > 1<<37 {
			return invalid(want)
		}
		whole, part := math.Modf(seconds)
		p.Request.RunAt = time.Unix(int64(whole), int64(part*1e9)).UTC()
		return nil
	}
	text, err := decode[string](raw, want)
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Unix() < 0 {
		return invalid(want)
	}
	p.Request.RunAt = at.UTC()
	return nil
}

// readAfter takes one job id or a list of them.
func readAfter(p *Parsed, raw []byte) error {
	want := fmt.Sprintf("want a job id, or a list of at most %d", MaxAfter)
	raws := []json.RawMessage{raw}
	if raw[0] == '[' {
		var err error
		if raws, err = decode[[]json.RawMessage](raw, want); err != nil {
			return err
		}
	}
	if len(raws) > MaxAfter {
		return invalid(want)
	}
	ids := make([]scheduler.JobID, len(raws))
	for i, r := range raws {
		n, err := readInt(r, 1, math.MaxInt64)
		if err != nil {
			return invalid(want)
		}
		ids[i] = scheduler.JobID(n)
	}
	p.Request.After = ids
	return nil
}

func readOnPartition(p *Parsed, raw []byte) error {
	text, err := decode[string](raw, `want "kill" or "keep"`)
	if err != nil {
		return err
	}
	if text != "kill" && text != "keep" {
		return invalid(`want "kill" or "keep"`)
	}
	p.Request.OnPartition = text
	return nil
}

func readKey(p *Parsed, raw []byte) error {
	key, err := decode[string](raw, "want a text")
	if err != nil {
		return err
	}
	if key == "" || checkText(key, MaxKey) != nil {
		return invalid("want 1 to 255 printable bytes")
	}
	p.Request.Key = key
	return nil
}

func readDuration(raw []byte, least time.Duration) (time.Duration, error) {
	text := string(raw)
	if raw[0] == '"' {
		var err error
		if text, err = decode[string](raw, units.WantDuration); err != nil {
			return 0, err
		}
	} else if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 {
		text = strconv.FormatFloat(n, 'f', -1, 64) // 1e3 is a fine JSON number
	}
	d, err := units.ParseDuration(text)
	if err != nil {
		return 0, invalid(err.Error())
	}
	if d < least {
		return 0, invalid("must be longer than 0; leave the field out for no limit")
	}
	return d, nil
}
