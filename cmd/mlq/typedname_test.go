package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/submission"
	"github.com/mlq-dev/mlq/internal/token"
)

// TestValueInPlaceOfAName: what may be a secret where a name belongs goes nowhere: not to the
// server, whose proxies write down paths, nor to the terminal's scrollback again.
func TestValueInPlaceOfAName(t *testing.T) {
	t.Parallel()
	whole, _ := token.New("user")
	const hub, wandb, openai = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh", "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1", "sk-proj-AbCdEf"
	for _, c := range []struct {
		make func(streams) *cobra.Command
		args []string
		code int
	}{
		{newSecretSet, []string{hub}, exitUsage},
		{newSecretSet, []string{wandb}, exitUsage},
		{newSecretSet, []string{openai}, exitUsage},
		{newSecretSet, []string{"correct horse"}, exitUsage},
		{newSecretSet, []string{whole}, exitUsage},
		{newSecretSet, []string{hub, "HF_TOKEN"}, exitUsage},
		{newSecretSet, []string{openai, "OPENAI_API_KEY"}, exitUsage},
		{newSecretSet, []string{"HUGGING_FACE_HUB_TOKEN_2"}, 0},
		{newSecretSet, []string{"ANTHROPICAPIKEYOFTHEWHOLETEAM"}, 0},
		{newSecretRemove, []string{openai}, exitUsage},
		{newSecretRemove, []string{hub}, 0}, // who kept it under that name must be rid of it
		{newUserShow, []string{whole}, exitUsage},
		{newUserRemove, []string{whole}, exitUsage},
		{newUserSet, []string{whole, "--max-devices", "2"}, exitUsage},
		{newHostAdd, []string{whole}, exitUsage},
		{newHostAdd, []string{"gpu1"}, 0},
		{newHostRemove, []string{whole}, exitUsage},
		{newHostForget, []string{whole}, exitUsage},
		{newDrain, []string{whole}, exitUsage},
		{newResetHealth, []string{whole}, exitUsage},
		{newDetach, []string{whole}, exitUsage},
		{newAttach, []string{whole}, exitUsage},
		{newTolerate, []string{whole, "500MiB"}, exitUsage},
		{newTokenCreate, []string{"--user", whole}, exitUsage},
		{newTokenCreate, []string{"--user", "ana", "--unix", whole}, exitUsage},
		{newTokenCreate, []string{"--user", "ana", "-o", "json"}, 0},
		{newJobs, []string{"--user", whole}, exitUsage},
		{newJobs, []string{"--name", whole}, exitUsage},
		{newJobs, []string{"--user", "ana"}, 0},
		{newCancel, []string{"--user", whole}, exitUsage},
		{newRequeue, []string{"--user", whole}, exitUsage},
		{newPurge, []string{"--older", "30d", "--yes", "--user", whole}, exitUsage},
		{newConsumerRemove, []string{whole}, exitUsage},
		{newTokenRevoke, []string{whole[:len(whole)-1]}, exitUsage},
		{newUserRemove, []string{"ana"}, 0},
		{newConsumerRemove, []string{"mlq_train_model_v2"}, 0},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			_, _ = w.Write([]byte("{}"))
		}))
		var out bytes.Buffer
		std := streams{strings.NewReader("x"), &out, &out}
		cmd := c.make(std)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append([]string{"--server", server.URL}, c.args...))
		code := report(std, cmd.ExecuteContext(t.Context()))
		server.Close()
		switch {
		case code != c.code || (asked > 0) != (c.code == 0):
			t.Errorf("%s %.8s…: exit %d, asked the server %d times: %s", cmd.Name(), c.args[0], code, asked, &out)
		case code != 0 && slices.ContainsFunc(c.args, func(arg string) bool { return !strings.HasPrefix(arg, "--") && strings.Contains(out.String(), arg) }):
			t.Errorf("%s repeats what was typed: %s", cmd.Name(), &out)
		}
	}
}

// TestLikeValue: names that people give their secrets are none, whatever their length; what
// services give out as keys is.
func TestLikeValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"HF_TOKEN":                           false,
		"WANDB_API_KEY":                      false,
		"OPENAI_API_KEY":                     false,
		"ANTHROPIC_API_KEY":                  false,
		"GITHUB_TOKEN":                       false,
		"HUGGING_FACE_HUB_TOKEN":             false,
		"AWS_ACCESS_KEY_ID":                  false,
		"AWS_SECRET_ACCESS_KEY_PRODUCTION_2": false,
		"GOOGLE_APPLICATION_CREDENTIALS":     false,
		"AZURE_STORAGE_CONNECTION_STRING":    false,
		"PGPASSWORD":                         false,
		"wandb":                              false,
		"hfToken2":                           false,
		"HuggingFaceHubToken2024":            false,
		"huggingFaceHubAccessToken":          false,
		"OpenAIApiKeyProduction":             false,
		"AWSSecretAccessKeyForTheLab":        false,
		"WeightsAndBiasesApiKey_2":           false,
		"modelregistrypassword2025":          false,
		"MLFLOWTRACKINGPASSWORDOFTHELAB":     false,

		"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":                                                         true, // letters alone
		"hf_AbC1eFgHiJ2lMnOpQrS3uVwXyZaBcD4fGh":                                                         true,
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a":                                                      true,
		"github_pat_11ABCDEFG0aBcDeFgHiJkL_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHI": true,
		"AKIA2E4GH6JKLMNO7QRS":                                                                          true,
		"a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1":                                                      true, // of wandb
		"dop_v1_b0c1d2e3f4a5b0c1d2e3f4a5b0c1d2e3f4a5b0":                                                 true,
		"wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY":                                                        true,
		"AIzaSyD4f5G6h7J8k9L0mN1bV2cX3zQ4wE5rT6y":                                                       true,
		"npm_aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6":                                                      true,
	} {
		if !submission.SecretName(text) || likeValue(text) != want {
			t.Errorf("%s: could be a name %v, like a value %v, want %v", text, submission.SecretName(text), likeValue(text), want)
		}
	}
	for _, never := range []string{"sk-proj-AbCdEf", "glpat-AbCdEf1234567890abcd", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"} {
		if submission.SecretName(never) {
			t.Errorf("%s could be a name", never)
		}
	}
}
