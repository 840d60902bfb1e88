package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/token"
)

// A name that was typed stands in the path of a URL, and servers and proxies write paths
// down. So what may be a secret in its place is refused before anything is sent, and is not
// repeated.

// oneName takes one name, which is no token.
func oneName(what string) cobra.PositionalArgs {
	one := exactly(1, what)
	return func(cmd *cobra.Command, args []string) error {
		if err := one(cmd, args); err != nil {
			return err
		}
		if likeToken(args[0]) {
			return usage("%s takes %s, and this looks like a token: it was sent nowhere", cmd.CommandPath(), what).
				with("anybody on this machine could read it; mlq token list and mlq token revoke ID make it worthless")
		}
		return nil
	}
}

// likeToken reports whether a text has a token's beginning, and enough of its secret.
func likeToken(text string) bool { return token.Redact(text) != text && longWord.MatchString(text) }

// newSecretName takes the name of a secret that is to be kept.
func newSecretName(cmd *cobra.Command, args []string) error {
	err := secretName(cmd, args)
	if err == nil && likeValue(args[0]) {
		return usage("%s takes the name, and this looks like the value: it was sent nowhere", cmd.CommandPath()).
			with("anybody on this machine could read it; %s NAME asks for the value, or takes it from standard input or --from-file", cmd.CommandPath())
	}
	return err
}

// secretName takes the name of a secret. What follows it would be the value, where other
// users of the machine can read it.
func secretName(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1 && submission.SecretName(args[0]) && !likeValue(args[0]):
		return usage("%s takes the name alone: anybody on this machine can read a command line", cmd.CommandPath()).
			with("%s %s asks for the value, or takes it from standard input or --from-file", cmd.CommandPath(), args[0])
	case len(args) != 1:
		return exactly(1, "one name")(cmd, args)
	case !submission.SecretName(args[0]):
		return usage("%s: want a name of letters, digits and _, as HF_TOKEN, and what was given is none", cmd.CommandPath()).
			with("it was sent nowhere")
	}
	return nil
}

// longWord is longer than the words of a name are.
var longWord = regexp.MustCompile(`[0-9A-Za-z]{20,}`)

// likeValue reports whether what could be a name is more like a value: keys and tokens are
// long words in which capitals, small letters and digits are mixed, as hf_… of 34 letters.
func likeValue(text string) bool {
	for _, word := range longWord.FindAllString(text, -1) {
		kinds := 0
		for _, kind := range []string{"0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
			if strings.ContainsAny(word, kind) {
				kinds++
			}
		}
		if kinds > 1 {
			return true
		}
	}
	return false
}
