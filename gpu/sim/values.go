package sim

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/mlq-dev/mlq/internal/units"
)

// value makes a setter of what reads a text.
func value(want string, read func(string) bool) setter {
	return func(n *yaml.Node) error {
		if text, ok := scalar(n); !ok || !read(text) {
			return wrong(n, "want %s, got %s", want, quoted(n.Value))
		}
		return nil
	}
}

// words reads a line that people are shown.
func words(to *string) setter {
	return value("a line of at most 128 printable characters", func(text string) bool {
		*to = text
		return text != "" && len(text) <= 128 && printable(text)
	})
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// matching reads a text of a given form.
func matching(to *string, form *regexp.Regexp, want string) setter {
	return value(want, func(text string) bool {
		*to = text
		return form.MatchString(text)
	})
}

func flag(to *bool) setter {
	return value("true or false", func(text string) bool {
		*to = text == "true"
		return text == "true" || text == "false"
	})
}

func whole(to *int, least, most int) setter {
	return value(fmt.Sprintf("a whole number from %d to %d", least, most), func(text string) bool {
		n, err := strconv.Atoi(text)
		*to = n
		return err == nil && n >= least && n <= most
	})
}

// maybe reads what need not be told.
func maybe(to **int, least, most int) setter {
	return func(n *yaml.Node) error {
		*to = new(int)
		return whole(*to, least, most)(n)
	}
}

// size reads bytes, 0 too.
func size(to *int64) setter {
	return value(`bytes, or a text as "80GiB"`, func(text string) bool {
		if text == "0" {
			*to = 0
			return true
		}
		n, err := units.ParseBytes(text)
		*to = n
		return err == nil
	})
}

// period reads how long something takes, at most an hour: no test waits longer.
func period(to *time.Duration) setter {
	return value("seconds, or a text as \"5s\", at most 1h", func(text string) bool {
		d, err := units.ParseDuration(text)
		*to = d
		return err == nil && d <= time.Hour
	})
}

func moment(to *time.Time) setter {
	return value("a time as 2026-01-31T08:00:00Z", func(text string) bool {
		t, err := time.Parse(time.RFC3339, text)
		*to = t
		return err == nil
	})
}

// watts reads a power into milliwatts.
func watts(to **int) setter {
	return value("watts, from 0 to 10000", func(text string) bool {
		w, err := strconv.ParseFloat(text, 64)
		milli := int(math.Round(w * 1000))
		*to = &milli
		return err == nil && w >= 0 && w <= 10_000
	})
}

var capabilityForm = regexp.MustCompile(`^([1-9][0-9]?)\.([0-9])$`)

// capability reads 9.0 as 90.
func capability(to *int) setter {
	return value(`a CUDA compute capability as "9.0"`, func(text string) bool {
		m := capabilityForm.FindStringSubmatch(text)
		if m == nil {
			return false
		}
		major, errMajor := strconv.Atoi(m[1])
		minor, errMinor := strconv.Atoi(m[2])
		*to = 10*major + minor
		return errMajor == nil && errMinor == nil
	})
}

// oneOf reads one of the words.
func oneOf[T any](to *T, names string, all map[string]T) setter {
	return value(names, func(text string) bool {
		v, ok := all[text]
		*to = v
		return ok
	})
}
