package scheduler

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A consumer is a process of a user's that has functions and takes the messages
// for them, one after the other. Its leases are those of a host of its own, with
// one device; it is in no list of hosts, and forgotten soon after its last sign of life.

// partConsumer begins the part of a class that says whose consumers take its jobs.
const partConsumer = " consumer"

// consumerPrefix begins the name of a consumer as a host, and of its device.
const consumerPrefix = "consumer-"

var consumerRule = regexp.MustCompile(`^consumer-[0-9a-f]{16}(@|$)`)

// ConsumerHost is the name as a host, and the UUID of the device, of the consumer
// with this id (16 hexadecimal digits).
func ConsumerHost(id string) string { return consumerPrefix + id }

// IsConsumer reports whether a host's name is of the form that is kept for consumers.
func IsConsumer(host string) bool {
	return strings.HasPrefix(host, consumerPrefix) && consumerRule.MatchString(host)
}

// consumed reports whether the jobs of a class are for consumers. Values of a
// class are escaped, so that no other part can have this text in it.
func consumed(class string) bool { return strings.Contains(class, partConsumer+"=") }

// consumerOf is the user whose consumers take the jobs of a class, "" for hosts' jobs.
func consumerOf(class string) string {
	_, rest, ok := strings.Cut(class, partConsumer+"=")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, " ")
	user, err := url.QueryUnescape(value)
	if err != nil { // nobody's: no consumer takes it, and Check tells of it
		return ""
	}
	return user
}

// Consumed reports whether the job is for consumers, not for hosts.
func (j *Job) Consumed() bool { return consumed(j.Class) }

// ConsumerNeed is what a message needs that is for its user's consumers: one that has
// all of these functions; none: all that are registered.
func ConsumerNeed(user string, functions []string) Need {
	names := slices.Clone(functions)
	slices.Sort(names)
	return Need{GPUs: 1, Consumer: user, Functions: slices.Compact(names)}
}

// fitConsumer checks a job of consumers, or a consumer's offer; nil: it fits.
func fitConsumer(n Need, o *Offer) *misfit {
	switch {
	case o.Consumer == "":
		return &misfit{stepHost, o.Host + " is a host, and it is for a process that has its functions"}
	case n.Consumer == "":
		return &misfit{stepHost, o.Host + " is a process that takes messages, and it is for a host"}
	case n.Consumer != o.Consumer:
		return &misfit{stepHost, o.Host + " is of another user"}
	case len(n.Functions) == 0 && !o.ServesAll:
		return &misfit{stepLabels, o.Host + " has not all functions that are registered"}
	}
	if lacks := missingNames(n.Functions, o.Serves); len(lacks) > 0 {
		return &misfit{stepLabels, fmt.Sprintf("%s has no function %s", o.Host, listed(lacks))}
	}
	return nil
}

// missingNames are those that are wanted and not there.
func missingNames(want, have []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(have, name) })
}

// Consumer is a process that takes messages.
type Consumer struct {
	ID     string // 16 hexadecimal digits, of its own choice
	User   string
	Job    JobID    // in which the process runs; 0: it is none of ours
	Serves []string // the functions that it has

	Epoch   uint64
	Entered time.Time
	Renewed time.Time // the last heartbeat
}

// Host is its name as a host, and its device's UUID.
func (c *Consumer) Host() string { return ConsumerHost(c.ID) }

// Has reports whether it has all of these functions.
func (c *Consumer) Has(functions ...string) bool { return len(missingNames(functions, c.Serves)) == 0 }

// consumerRecord is what is kept of a consumer.
type consumerRecord struct {
	User   string   `json:"u"`
	Job    JobID    `json:"j,omitempty"`
	Serves []string `json:"f"`
}

func (r *consumerRecord) same(o *consumerRecord) bool {
	return r.User == o.User && r.Job == o.Job && slices.Equal(r.Serves, o.Serves)
}

// consumerMember is a consumer in the index of all, those of a user side by side.
func consumerMember(user, id string) []byte { return []byte(user + "\x00" + id) }

// parseConsumer reads a member.
func parseConsumer(m []byte) (user, id string) {
	user, id, _ = strings.Cut(string(m), "\x00")
	return user, id
}
