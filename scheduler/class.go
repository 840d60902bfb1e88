package scheduler

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Jobs that need the same stand in one index, their class. A class is named by
// its canonical text, "gpus=2 mem=80 type=a100", from which the need can be read again.
const (
	classAny = "gpus=1" // one GPU, any
	// classShared names the index that the classes beyond maxClasses share.
	classShared = "*"
	// maxClasses is how many classes have an index of their own. Servers that
	// submit at the same moment may overshoot it by a few.
	maxClasses = 256
	// maxClassBytes bounds a class's text, which is part of keys.
	maxClassBytes = 800
)

// Need is what a job needs of a host and its devices, as its class says it.
type Need struct {
	GPUs    int    // 0: a CPU slot
	MemGiB  int64  // per device, rounded up to a size that cards have; 0: any
	Type    string // pattern, lower case
	MinCC   int
	Host    string
	Labels  map[string]string
	Python  string // environment's name, version, or absolute path
	Call    string // "3.11": the call's pickle needs this minor
	WorkDir string

	// Consumer is the user whose consumers alone take the job, "" for a job of hosts.
	// Functions, sorted, are those that one must have; none: all that are registered.
	Consumer  string
	Functions []string

	AskedMem int64 // bytes per device as the request has them, for words; not of the class
}

// Public is what of a need concerns others: the devices, and the host that they
// are on; of a message for consumers, that it is one. Where a job's Python or its directory are is its user's business.
func (n Need) Public() Need {
	if n.Consumer != "" {
		return Need{GPUs: n.GPUs, Consumer: "-"}
	}
	return Need{GPUs: n.GPUs, MemGiB: n.MemGiB, Type: n.Type, MinCC: n.MinCC, Host: n.Host}
}

// Slots is how many devices the job holds when it runs.
func (n Need) Slots() int {
	if n.Consumer != "" {
		return 1
	}
	return max(n.GPUs, 1)
}

// Need gives what the request needs; call is the Python version that the
// call's pickle needs, "" if none.
func (r Request) Need(call string) Need {
	n := Need{
		GPUs: 1, MemGiB: cardSize(r.GPUMem), Type: strings.ToLower(r.GPUType), MinCC: r.MinCC,
		Host: r.Host, Labels: r.Labels, Python: r.Python, Call: minor(call), WorkDir: r.WorkDir, AskedMem: r.GPUMem,
	}
	if r.GPUs != nil {
		n.GPUs = *r.GPUs
	}
	return n
}

// Class is the canonical text of the need of this request.
func (r Request) Class(call string) string { return r.Need(call).String() }

// String is the class's canonical text.
func (n Need) String() string {
	b := strconv.AppendInt(append(make([]byte, 0, 64), "gpus="...), int64(n.GPUs), 10)
	add := func(key, value string) {
		if value != "" {
			b = append(append(append(b, key...), '='), url.QueryEscape(value)...)
		}
	}
	add(" mem", nonZero(n.MemGiB))
	add(" type", n.Type)
	add(" cc", nonZero(int64(n.MinCC)))
	add(" host", n.Host)
	for _, name := range sortedKeys(n.Labels) {
		b = append(b, " label="+url.QueryEscape(name)+":"+url.QueryEscape(n.Labels[name])...)
	}
	add(" python", n.Python)
	add(" call", n.Call)
	add(" dir", n.WorkDir)
	add(partConsumer, n.Consumer)
	for _, name := range n.Functions {
		add(" function", name)
	}
	return string(b)
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// ParseNeed reads a class's text.
func ParseNeed(class string) (Need, error) {
	var n Need
	for part := range strings.FieldsSeq(class) {
		key, raw, ok := strings.Cut(part, "=")
		if !ok {
			return Need{}, fmt.Errorf("class %q: %q has no value", class, part)
		}
		if err := n.set(key, raw); err != nil {
			return Need{}, fmt.Errorf("class %q: %w", class, err)
		}
	}
	return n, nil
}

func (n *Need) set(key, raw string) (err error) {
	if key == "label" {
		return n.setLabel(raw)
	}
	value, err := url.QueryUnescape(raw)
	if err != nil {
		return err
	}
	switch key {
	case "gpus":
		n.GPUs, err = strconv.Atoi(value)
	case "mem":
		n.MemGiB, err = strconv.ParseInt(value, 10, 64)
	case "type":
		n.Type = value
	case "cc":
		n.MinCC, err = strconv.Atoi(value)
	case "host":
		n.Host = value
	case "python":
		n.Python = value
	case "call":
		n.Call = value
	case "dir":
		n.WorkDir = value
	case "consumer":
		n.Consumer = value
	case "function":
		n.Functions = append(n.Functions, value)
	default:
		err = fmt.Errorf("unknown part %q", key)
	}
	return err
}

func (n *Need) setLabel(raw string) error {
	name, value, _ := strings.Cut(raw, ":")
	name, err := url.QueryUnescape(name)
	if err != nil {
		return err
	}
	if value, err = url.QueryUnescape(value); err != nil {
		return err
	}
	if n.Labels == nil {
		n.Labels = make(map[string]string)
	}
	n.Labels[name] = value
	return nil
}

// cardSizes are the memory sizes that cards and their slices have, in GiB as
// they are sold. Requests are rounded up to them, so that 9.5 and 10 GiB are one class.
// A card whose size is not here is not offered to a request just below it.
var cardSizes = []int64{
	1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 16, 18, 20, 24, 32, 35, 40, 45, 48, 64, 71, 80, 94, 96, 128, 141, 144, 180, 192, 256, 288,
}

const gib = 1 << 30

// cardSize rounds bytes up to a card's size in GiB; above the largest, to the next multiple of 64.
func cardSize(bytes int64) int64 {
	if bytes <= 0 {
		return 0
	}
	need := (bytes-1)/gib + 1
	for _, size := range cardSizes {
		if size >= need {
			return size
		}
	}
	return (need + 63) / 64 * 64
}

// cardHas reports whether a device of so many bytes counts as a card of that
// size: one sold as 24 GB shows 22.5 GiB, one of 80 GB 79.6.
func cardHas(bytes, sizeGiB int64) bool { return bytes/100 >= sizeGiB*gib/100*92/100 }

// minor cuts a Python version to major.minor.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
