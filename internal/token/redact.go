package token

import (
	"regexp"
	"strings"
)

// anywhere finds what begins like a token, up to where a text, a path, a query or a list goes on;
// and over blanks, as where a line was broken, if what comes then is long as a secret.
var anywhere = regexp.MustCompile(`mlq(?:_|%5[Ff])[^\s"'<>/?&#=,;(){}\[\]]+(?:\s+[0-9A-Za-z]{21}[^\s"'<>/?&#=,;(){}\[\]]*)*`)

// encoded is an underscore in a query, where it was encoded though it need not be.
var encoded = regexp.MustCompile(`%5[Ff]`)

// secretive tells what begins like a token from names, as mlq_gpu-0.1.0-py3-none-any.whl: more than a
// role and an id, whatever stands between them, or anything that is longer than two ids.
var secretive = regexp.MustCompile(`^mlq_+[A-Za-z]+_+(?:[0-9A-Za-z]+_|[0-9A-Za-z]{10}[^0-9A-Za-z])|[0-9A-Za-z]{21}`)

// shown is what may be shown of that: a role, and an id, which are no longer than an id.
var shown = regexp.MustCompile(`^(mlq_+(?:[A-Za-z]{1,10}[^0-9A-Za-z]+(?:[0-9A-Za-z]{1,10}[^0-9A-Za-z]+)?)?)[0-9A-Za-z]`)

// Redact leaves role and id of each token in a text, and takes away what is secret: also of
// one that is cut off or mistyped, or has come with other separators after mlq_, or is
// percent-encoded, as a query may be.
func Redact(text string) string {
	if !strings.Contains(text, "mlq_") && !strings.Contains(text, "mlq%") {
		return text
	}
	return anywhere.ReplaceAllStringFunc(text, func(text string) string {
		found := encoded.ReplaceAllString(text, "_")
		if !secretive.MatchString(found) {
			return text
		}
		if parts := shown.FindStringSubmatch(found); parts != nil {
			return parts[1] + "…"
		}
		return "mlq_…"
	})
}
