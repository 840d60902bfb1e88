package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// ErrConfig: the store's URL, or the configuration of the server behind it, is
// one that MLQ must not run on. Trying again does not help.
var ErrConfig = errors.New("store configuration")

// DefaultNamespace is that of a URL without one.
const DefaultNamespace = "mlq"

const (
	defaultPort  = "6379"
	sentinelPort = "26379"
)

var namespacePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// CheckNamespace refuses, with ErrConfig, what cannot be the name of a namespace.
func CheckNamespace(name string) error {
	if !namespacePattern.MatchString(name) {
		return refuse("namespace %q: up to 63 of a-z, 0-9, _ and -, beginning with a letter or digit", name)
	}
	return nil
}

// target is what a store URL says.
type target struct {
	network   string   // tcp or unix
	addrs     []string // of the server, or of the sentinels
	master    string   // its name at the sentinels; empty without them
	tls       *tls.Config
	user      string
	password  string
	db        int
	namespace string

	sentinelUser, sentinelPassword string // where the sentinels ask for some of their own
}

// parse reads a store URL. Its errors never repeat the URL, nor what net/url
// says of it: both may hold a piece of the password.
func parse(raw string) (target, error) {
	scheme, _, _ := strings.Cut(raw, "://")
	read := map[string]func(*url.URL) (target, error){
		"redis":           server,
		"rediss":          secured(server),
		"unix":            socket,
		"redis+sentinel":  sentinels,
		"rediss+sentinel": secured(sentinels),
	}[scheme]
	if read == nil {
		return target{}, refuse("a store on Redis is redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://")
	}
	hosts, single := splitHosts(raw)
	u, err := url.Parse(single)
	if err != nil || strings.Contains(afterHosts(raw), "@") { // then a / or ? was in the password
		return target{}, refuse("the %s:// URL cannot be read (special characters of a password are written as %%XX)", scheme)
	}
	u.Host = hosts
	t, err := read(u)
	if err != nil {
		return target{}, err
	}
	return t.with(u)
}

// splitHosts takes the hosts out of a URL: net/url refuses several of them.
func splitHosts(raw string) (hosts, without string) {
	scheme, rest, _ := strings.Cut(raw, "://")
	after := afterHosts(raw)
	authority := strings.TrimSuffix(rest, after)
	begin := strings.LastIndex(authority, "@") + 1
	return authority[begin:], scheme + "://" + authority[:begin] + after
}

// afterHosts is the path of a URL with all that follows it.
func afterHosts(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		return rest[end:]
	}
	return ""
}

// with adds what all kinds of URLs have.
func (t target) with(u *url.URL) (target, error) {
	t.user = u.User.Username()
	t.password, _ = u.User.Password()
	t.namespace = DefaultNamespace
	// A + is itself, as it is before the @: url.ParseQuery would make a blank of it.
	options, err := url.ParseQuery(strings.ReplaceAll(u.RawQuery, "+", "%2B"))
	if err != nil || u.Fragment != "" {
		return target{}, refuse("the options of the store's URL cannot be read (special characters of a password are written as %%XX)")
	}
	for name, values := range options {
		switch {
		case name == "namespace":
			t.namespace = values[0]
		case name == "db" && t.network == "unix": // read by socket
		case (name == "ca" || name == "cert" || name == "key") && t.tls != nil:
		case name == "sentinel_user" && t.master != "":
			t.sentinelUser = values[0]
		case name == "sentinel_password" && t.master != "":
			t.sentinelPassword = values[0]
		case options.Has("sentinel_password") && name != "sentinel_password": // it may be a piece of that
			return target{}, refuse("unknown option in the store's URL (special characters of a password are written as %%XX)")
		default:
			return target{}, refuse("unknown option %q in the store's URL", name)
		}
	}
	if err := t.certify(options); err != nil {
		return target{}, err
	}
	return t, CheckNamespace(t.namespace)
}

func server(u *url.URL) (target, error) {
	if u.Host == "" || strings.Contains(u.Host, ",") {
		return target{}, refuse("redis:// names one host (several are redis+sentinel://)")
	}
	db, err := number(strings.TrimPrefix(u.Path, "/"))
	return target{network: "tcp", addrs: []string{withPort(u.Host, defaultPort)}, db: db}, err
}

func socket(u *url.URL) (target, error) {
	if u.Host != "" || u.Path == "" {
		return target{}, refuse("unix:// names the path of a socket: unix:///run/redis.sock")
	}
	db, err := number(u.Query().Get("db"))
	return target{network: "unix", addrs: []string{u.Path}, db: db}, err
}

func sentinels(u *url.URL) (target, error) {
	master, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Host == "" || master == "" {
		return target{}, refuse("redis+sentinel:// names sentinels and a master: redis+sentinel://host:26379,host:26379/MASTER/0")
	}
	t := target{network: "tcp", master: master}
	for host := range strings.SplitSeq(u.Host, ",") {
		t.addrs = append(t.addrs, withPort(host, sentinelPort))
	}
	db, err := number(rest)
	t.db = db
	return t, err
}

// number reads the number of a database; none is 0.
func number(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, refuse("database %q is not a number", s)
	}
	return int(n), nil
}

func withPort(host, port string) string {
	if strings.LastIndex(host, ":") > strings.LastIndex(host, "]") {
		return host
	}
	return host + ":" + port
}

// String names the target without its credentials.
func (t target) String() string {
	where := strings.Join(t.addrs, ",")
	if t.master != "" {
		where = t.master + " at sentinel " + where
	}
	return fmt.Sprintf("redis %s, database %d, namespace %s", where, t.db, t.namespace)
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrConfig, fmt.Errorf(format, args...))
}
