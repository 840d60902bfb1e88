package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"

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
		{newHostRemove, []string{whole}, exitUsage},
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
		case code != 0 && strings.Contains(out.String(), c.args[0]):
			t.Errorf("%s repeats what was typed: %s", cmd.Name(), &out)
		}
	}
}
