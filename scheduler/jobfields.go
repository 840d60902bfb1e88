package scheduler

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What one field of a job looks like in its record: what is usual takes no place.

func packUnix(j *Job) string {
	if j.Unix != "" && j.Unix == j.User {
		return "="
	}
	return j.Unix
}

// packClass leaves out that one GPU is wanted, as most jobs do.
func packClass(class string) string {
	if rest, one := strings.CutPrefix(class, classAny); one && (rest == "" || rest[0] == ' ') {
		return strings.TrimPrefix(rest, " ")
	}
	return class
}

func unpackClass(class string) string {
	switch {
	case class == "":
		return classAny
	case strings.HasPrefix(class, "gpus="):
		return class
	}
	return classAny + " " + class
}

func unpackAsked(asked, class string) string {
	if asked == "" && !consumed(unpackClass(class)) {
		return ""
	}
	return unpackClass(asked)
}

func packOne(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

func packQueued(j *Job) int64 {
	switch {
	case j.QueuedAt.IsZero():
		return -1
	case j.QueuedAt.Equal(j.Submitted):
		return 0
	}
	return stamp(j.QueuedAt)
}

func unpackQueued(us int64, submitted time.Time) time.Time {
	switch us {
	case -1:
		return time.Time{}
	case 0:
		return submitted
	}
	return unstamp(us)
}

// packTimeout is the limit that the job itself named.
func packTimeout(j *Job) int64 {
	if j.TimeoutFrom != FromRequest {
		return 0
	}
	return j.Timeout.Microseconds()
}

// packNumbers writes the numbers that every job has as RANK.EPOCH.SUBMITTED, or
// RANK.EPOCH.SUBMITTEDLIMIT, in base 36: with names of their own they would be half of a waiting job's record.
// The epoch is a time too, so that it is short as the ms from it to Submitted.
func packNumbers(j *Job) string {
	b := strconv.AppendUint(make([]byte, 0, 40), j.Rank, 36)
	b = strconv.AppendInt(append(b, '.'), j.Submitted.UnixMilli()-int64(j.Epoch), 36)
	point, limit := packLimit(j)
	return string(append(strconv.AppendInt(append(b, point), stamp(j.Submitted), 36), limit...))
}

// numbers are those that every job has.
type numbers struct {
	rank, epoch uint64
	submitted   time.Time
	limit       time.Duration // that the job did not name itself
	from        LimitFrom
}

func unpackNumbers(text string) (n numbers, err error) {
	rest, limit, from, err4 := cutLimit(text)
	parts := strings.Split(rest, ".")
	if len(parts) != 3 {
		return n, fmt.Errorf("numbers %q", text)
	}
	n.limit, n.from = limit, from
	rank, err := strconv.ParseUint(parts[0], 36, 64)
	since, err2 := strconv.ParseInt(parts[1], 36, 64)
	us, err3 := strconv.ParseInt(parts[2], 36, 64)
	n.rank, n.submitted = rank, unstamp(us)
	n.epoch = uint64(n.submitted.UnixMilli() - since)
	return n, errors.Join(err, err2, err3, err4)
}

func packGrace(d time.Duration) int64 {
	switch d {
	case defaultGrace:
		return 0
	case 0:
		return -1
	}
	return d.Microseconds()
}

func unpackGrace(us int64) time.Duration {
	switch us {
	case 0:
		return defaultGrace
	case -1:
		return 0
	}
	return micros(us)
}
