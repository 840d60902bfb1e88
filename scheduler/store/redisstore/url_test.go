package redisstore

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]target{
		"redis://cache": {network: "tcp", addrs: []string{"cache:6379"}, namespace: "mlq"},
		"redis://:pw@cache:7000/3?namespace=lab-1": {
			network: "tcp", addrs: []string{"cache:7000"}, password: "pw", db: 3, namespace: "lab-1",
		},
		"redis://ana:p%40%2F%3Aw@[::1]/": {
			network: "tcp", addrs: []string{"[::1]:6379"}, user: "ana", password: "p@/:w", namespace: "mlq",
		},
		"rediss://cache:7001": {
			network: "tcp", addrs: []string{"cache:7001"}, namespace: "mlq",
			tls: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "cache"},
		},
		"unix:///run/redis.sock?db=2&namespace=x": {
			network: "unix", addrs: []string{"/run/redis.sock"}, db: 2, namespace: "x",
		},
		"unix://ana:pw@/run/redis.sock": {
			network: "unix", addrs: []string{"/run/redis.sock"}, user: "ana", password: "pw", namespace: "mlq",
		},
		"redis+sentinel://ana:pw@a:1,b,[::2]:3/main/4?namespace=n": {
			network: "tcp", addrs: []string{"a:1", "b:26379", "[::2]:3"}, master: "main",
			user: "ana", password: "pw", db: 4, namespace: "n",
		},
		"redis+sentinel://a/main": {
			network: "tcp", addrs: []string{"a:26379"}, master: "main", namespace: "mlq",
		},
		"rediss+sentinel://a/main?sentinel_user=eva&sentinel_password=p%26w": {
			network: "tcp", addrs: []string{"a:26379"}, master: "main", namespace: "mlq", tls: &tls.Config{MinVersion: tls.VersionTLS12},
			sentinelUser: "eva", sentinelPassword: "p&w",
		},
		"redis+sentinel://a/main?sentinel_password=p+w%20x": {
			network: "tcp", addrs: []string{"a:26379"}, master: "main", namespace: "mlq", sentinelPassword: "p+w x",
		},
	} {
		got, err := parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(target{}), cmp.Comparer(sameTLS)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.MinVersion == b.MinVersion && a.ServerName == b.ServerName
}

// TestParseRefuses: each with a word that helps, none with a piece of the
// password, of which net/url's own errors would repeat some.
func TestParseRefuses(t *testing.T) {
	for url, word := range map[string]string{
		"":                                                         "redis://",
		"localhost:6379":                                           "redis://",
		"http://ana:secret@cache":                                  "redis://",
		"redis://":                                                 "host",
		"redis://:secret@a,b":                                      "redis+sentinel://",
		"redis://:secret@cache/x":                                  "database",
		"redis://:secret@cache/-1":                                 "database",
		"redis://:secret@cache/99999":                              "database",
		"redis://ana:se%zzcret@cache":                              "%XX",
		"redis://ana:1/secret@cache":                               "%XX",
		"redis://ana:1?secret@cache":                               "%XX",
		"redis://:secret@cache?max_retries=3":                      "max_retries",
		"redis://:secret@cache?namespace=Lab":                      "namespace",
		"redis://:secret@cache?namespace=":                         "namespace",
		"redis://:secret@cache?namespace=a*":                       "namespace",
		"redis://:secret@cache?db=1":                               "db",
		"unix://run/redis.sock":                                    "path",
		"unix://:secret@":                                          "path",
		"redis+sentinel://:secret@a:1":                             "master",
		"redis+sentinel:///main":                                   "sentinels",
		"redis://:secret@cache?ca=/ca.pem":                         "unknown option \"ca\"",
		"redis://c?sentinel_password=secret":                       "unknown option \"sentinel_password\"",
		"rediss://:secret@cache?cert=/no.pem":                      "has cert and no key",
		"rediss://:secret@cache?key=/no.pem":                       "has key and no cert",
		"rediss://:secret@cache?cert=/no.pem&key=/no.key":          "cert and key of the store's URL: open /no.pem",
		"redis+sentinel://a/m?ca=secret":                           "unknown option \"ca\"",
		"redis+sentinel://a/m?sentinel_password=x&secret":          "%XX",
		"redis+sentinel://a/m?secret=1&sentinel_password=x&se=ret": "unknown option in",
		"redis+sentinel://a/m?sentinel_password=x#secret":          "%XX",
		"redis+sentinel://a/m?sentinel_password=x;secret":          "%XX",
		"redis+sentinel://a/m?sentinel_password=x%zzsecret":        "%XX",
		"unix:///s?db=%zzsecret":                                   "%XX",
	} {
		_, err := parse(url)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v; want ErrConfig with %q", url, err, word)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "cret@") {
			t.Errorf("%s: the error shows the password: %v", url, err)
		}
	}
}

func TestTargetHidesItsPassword(t *testing.T) {
	for _, url := range []string{"redis://ana:secret@cache/1", "redis+sentinel://ana:secret@a,b/main"} {
		got, err := parse(url)
		if err != nil {
			t.Fatal(err)
		}
		if s := got.String(); strings.Contains(s, "secret") || !strings.Contains(s, got.addrs[0]) {
			t.Errorf("%s is shown as %s", url, s)
		}
	}
}

// FuzzParse: a URL is read or refused, and a password of letters that are
// nowhere else never shows.
func FuzzParse(f *testing.F) {
	seeds := fuzzseed.For(f)
	seeds.Add("redis://", "@cache:1/0")
	seeds.Add("redis+sentinel://u", ",b/main?namespace=x")
	seeds.Add("unix://", "@/s?db=%zz")
	seeds.Add("redis://u:x/", "@cache/0")
	f.Fuzz(func(t *testing.T, before, after string) {
		const password = "QXJZQXJZ"
		_, err := parse(before + ":" + password + after)
		if err != nil && strings.Contains(before, "://") && strings.Contains(after, "@") &&
			strings.Contains(err.Error(), password) {
			t.Errorf("%q…%q: %v", before, after, err)
		}
	})
}
