package scheduler

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LimitFrom says where a job's time limit comes from.
type LimitFrom string

// Where time limits come from.
const (
	// FromRequest: the request named it, or there is none.
	FromRequest LimitFrom = ""
	// FromDefault: the server's default, because the request named none.
	FromDefault LimitFrom = "server-default"
	// FromServerMax: the server's maximum, because the request named none and there is no default.
	FromServerMax LimitFrom = "server-max"
	// FromUserMax: the user's own maximum, because the request named none and
	// that is below whatever else would hold.
	FromUserMax LimitFrom = "user-max"
)

// limitLetters are how records name the origins of limits.
var limitLetters = []struct {
	from           LimitFrom
	hours, seconds string
}{{FromDefault, "D", "E"}, {FromServerMax, "M", "N"}, {FromUserMax, "U", "V"}}

// maxTimeout is the longest time limit that this user may ask for, and whose
// it is; 0: any.
func (w Who) maxTimeout() (time.Duration, LimitFrom) {
	if w.MaxTimeout > 0 && (w.MaxTimeoutOfAll == 0 || w.MaxTimeout < w.MaxTimeoutOfAll) {
		return w.MaxTimeout, FromUserMax
	}
	return w.MaxTimeoutOfAll, FromServerMax
}

// Timeouts are the time limits that hold for a user; 0: none.
type Timeouts struct{ Default, Max time.Duration }

// Timeouts gives the limit of jobs that name none, and the longest that may be named.
func (w Who) Timeouts() Timeouts {
	limit, _ := w.timeLimit(0)
	most, _ := w.maxTimeout()
	return Timeouts{limit, most}
}

// timeLimit is what holds for a job of this user that asks for so much; 0: none.
func (w Who) timeLimit(asked time.Duration) (time.Duration, LimitFrom) {
	if asked > 0 {
		return asked, FromRequest
	}
	most, from := w.maxTimeout()
	switch {
	case w.DefaultTimeout > 0 && (most == 0 || w.DefaultTimeout <= most):
		return w.DefaultTimeout, FromDefault
	case most > 0:
		return most, from
	}
	return 0, FromRequest
}

// CheckTimeout refuses a time limit above what this user may ask for.
func (w Who) CheckTimeout(r *Request) error {
	asked := r.Timeout
	most, from := w.maxTimeout()
	if most == 0 || asked <= most {
		return nil
	}
	field := "timeout"
	if r.Hold {
		field = "hold"
	}
	whose := "the server's maximum"
	if from == FromUserMax {
		whose = "your maximum"
	}
	return &FieldError{field, fmt.Sprintf("%s is above the limit of %s (%s)", Words(asked), Words(most), whose)}
}

// Words writes a duration as people say it, and as requests may: "90s", "2h",
// "1h30m", "7d".
func Words(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String() // "24h0m0s"
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// usualLimit is the default of a server that was told of no other.
const usualLimit = 24 * time.Hour

// packLimit writes a limit that the job did not name itself: what stands before
// the last of the numbers that every job has, and behind it. Where a server has a
// default most jobs have that limit, and a record's next byte can cost sixteen of
// Redis' memory, so the usual default is another point and no byte more. Any other
// is a capital and a number in base 36: whole hours, or else seconds.
func packLimit(j *Job) (point byte, end string) {
	if j.TimeoutFrom == FromDefault && j.Timeout == usualLimit {
		return ':', ""
	}
	return '.', packOther(j)
}

func packOther(j *Job) string {
	seconds := int64((j.Timeout + time.Second - 1) / time.Second)
	for _, l := range limitLetters {
		switch {
		case l.from != j.TimeoutFrom:
		case seconds%3600 == 0:
			return l.hours + strconv.FormatInt(seconds/3600, 36)
		default:
			return l.seconds + strconv.FormatInt(seconds, 36)
		}
	}
	return ""
}

// cutLimit takes a limit out of the numbers.
func cutLimit(text string) (rest string, limit time.Duration, from LimitFrom, err error) {
	if before, last, usual := strings.Cut(text, ":"); usual {
		return before + "." + last, usualLimit, FromDefault, nil
	}
	i := strings.IndexFunc(text, func(r rune) bool { return 'A' <= r && r <= 'Z' })
	if i < 0 {
		return text, 0, FromRequest, nil
	}
	n, err := strconv.ParseInt(text[i+1:], 36, 64)
	for _, l := range limitLetters {
		switch text[i : i+1] {
		case l.hours:
			return text[:i], time.Duration(n) * time.Hour, l.from, err
		case l.seconds:
			return text[:i], time.Duration(n) * time.Second, l.from, err
		}
	}
	return text, 0, FromRequest, fmt.Errorf("time limit %q", text[i:])
}
