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
func oneName(what string) cobra.PositionalArgs { return noToken(exactly(1, what), what) }

// noToken wants of what args takes that the first, a name, is no token.
func noToken(args cobra.PositionalArgs, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return err
		}
		return refuseToken(cmd.CommandPath(), what, given[0])
	}
}

// namesInFlags has a command refuse a token as the value of these flags.
func namesInFlags(cmd *cobra.Command, names ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range names {
			if err := refuseToken("--"+name, "a name", cmd.Flag(name).Value.String()); err != nil {
				return err
			}
		}
		return nil
	}
}

func refuseToken(where, what, given string) error {
	if !likeToken(given) {
		return nil
	}
	return usage("%s takes %s, and this looks like a token: it was sent nowhere", where, what).
		with("anybody on this machine could read it; mlq token list and mlq token revoke ID make it worthless")
}

// likeToken reports whether a text has a token's beginning, and enough of its secret.
func likeToken(text string) bool { return token.Redact(text) != text && longWord.MatchString(text) }

// newSecretName takes the name of a secret that is to be kept.
func newSecretName(cmd *cobra.Command, args []string) error {
	err := secretName(cmd, args)
	if err == nil && likeValue(args[0]) {
		return usage("%s takes the name, and this looks like the value: it was sent nowhere", cmd.CommandPath()).
			with("anybody on this machine could read it; %s NAME asks for the value, or takes it from standard input or --from-file; if it is a name, put _ between its words", cmd.CommandPath())
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

// words are those of a name that is written without _, as HuggingFaceHubToken2024. Of the keys
// that are letters alone, one of 500 of hf_… could be so.
var words = regexp.MustCompile(`^[A-Z]{0,4}(?:[a-z]{2,}[A-Z]{1,4})*[a-z]{2,}[0-9]{0,4}$`)

// likeValue reports whether what could be a name is more like a value: keys and tokens are
// long words in which capitals, small letters and digits are mixed, as hf_… of 34 letters.
func likeValue(text string) bool {
	for _, word := range longWord.FindAllString(text, -1) {
		if strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" && !words.MatchString(word) {
			return true
		}
	}
	return false
}
