package submission

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

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
