package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/deploy"
	"github.com/mlq-dev/mlq/internal/token"
)

const joinLong = `Make this machine a host of a server, with the code that mlq host add printed
there. It writes the agent's token and its settings, agent.env, and with
--systemd installs and starts the service. Nothing is sent before the server's
certificate is the one that --pin names.

If it ends before it is done, for whatever reason, the same line again goes on.`

// joinFlags are the settings of mlq agent join.
type joinFlags struct {
	code, pin, name, config string
	data                    *string
	systemd                 bool
	units                   string // hidden: where units go
}

func newJoin(io streams) *cobra.Command {
	var j joinFlags
	cmd := &cobra.Command{
		Use:     "join URL --code CODE",
		Short:   "Make this machine a host of a server",
		Long:    joinLong,
		Example: `  mlq agent join https://mlq.lab:5001 --code gpu1:… --pin sha256:… --systemd`,
		Args:    exactly(1, "the URL of one server"),
	}
	f := cmd.Flags()
	f.StringVar(&j.code, "code", "", "the code that mlq host add printed; needed")
	f.StringVar(&j.pin, "pin", "", "SHA-256 of the server's certificate, which may then sign itself")
	f.StringVar(&j.name, "name", "", "name of the agent: the host's, or NAME@DEVICE for one device (default: the host's, which is in the code)")
	f.StringVar(&j.config, "config", "", "folder for agent.env and agent.token: "+deploy.EnvFolder+" for root, or with --data, and for others, DATA")
	f.BoolVar(&j.systemd, "systemd", false, "install the service and start it")
	f.StringVar(&j.units, "units", deploy.UnitFolder, "")
	_ = f.MarkHidden("units") //nolint:errcheck // the flag was just defined
	j.data = dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return j.run(cmd.Context(), io, args[0], cmd.Flags().Changed("data"))
	}
	return cmd
}

func (j *joinFlags) run(ctx context.Context, io streams, base string, ownData bool) error {
	host, err := j.check(base)
	if err != nil {
		return err
	}
	r, err := firstRemote(base, j.pin)
	if err != nil {
		return err
	}
	dir, err := j.folder(ownData)
	if err != nil {
		return err
	}
	// The token is on the disk before the server knows it: whatever is lost
	// on the way, the same line again asks for the same token.
	pending := filepath.Join(dir, "joining-"+host)
	own, err := "", j.prepare(dir, ownData)
	if err == nil {
		own, err = pendingToken(pending)
	}
	if err != nil {
		return failed("join: %w", err).with("run it as root, or name a folder of yours with --data DIR")
	}
	if err := r.send(ctx, http.MethodPost, "/join", nil, map[string]string{"code": j.code, "token": own}, nil); err != nil {
		return j.refused(err, pending)
	}
	fmt.Fprintf(io.out, "joined %s as host %s\n", r.base, host)
	at := filepath.Join(dir, "agent.token")
	if err := errors.Join(os.Rename(pending, at), j.writeEnv(filepath.Join(dir, "agent.env"), r, host, at, ownData)); err != nil {
		return failed("join: %w", err).with("the same line again goes on")
	}
	fmt.Fprintf(io.out, "wrote %s and %s\n", at, filepath.Join(dir, "agent.env"))
	if j.systemd {
		return installService(ctx, io, j.units, "mlq-agent.service")
	}
	_, err = fmt.Fprintf(io.out, "start the agent:\n  mlq agent --env-file %s\n", filepath.Join(dir, "agent.env"))
	return err
}

// check reads the command line and gives the host's name, which the code begins with.
func (j *joinFlags) check(base string) (host string, err error) {
	if j.code == "" {
		return "", usage("--code is missing: it says as which host to join").with("an admin makes one with mlq host add NAME, and gets the whole line")
	}
	host, secret, ok := strings.Cut(j.code, ":")
	if !ok || secret == "" || !fileName.MatchString(host) {
		return "", usage("--code: want NAME:SECRET as mlq host add printed it")
	}
	if name, _, _ := strings.Cut(j.name, "@"); j.name != "" && name != host {
		return "", usage("--name %s: the code is for host %s, so want %s or %s@DEVICE", j.name, host, host, host).with("for another name: mlq host add NAME")
	}
	if j.systemd && os.Geteuid() != 0 {
		return "", usage("--systemd installs a service, which takes root").with("run it with sudo, or without --systemd")
	}
	return host, plainURL(base, "the code")
}

// fileName: a host's name becomes a part of a path.
var fileName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// folder is where the agent's settings go.
func (j *joinFlags) folder(ownData bool) (string, error) {
	switch {
	case j.config != "":
		return filepath.Abs(j.config)
	case j.systemd, os.Geteuid() == 0 && !ownData:
		return deploy.EnvFolder, nil
	case *j.data == "":
		return "", misconfigured("no data folder: this user has no home").with("name one with --data DIR")
	}
	return filepath.Abs(*j.data)
}

// prepare makes an agent's data folder as the agent itself would: jobs of others
// pass through it to their own.
func (j *joinFlags) prepare(dir string, ownData bool) error {
	if !ownData || j.config != "" {
		return nil
	}
	return os.MkdirAll(dir, 0o711)
}

// pendingToken is the token of a join that is under way, or a new one.
func pendingToken(path string) (string, error) {
	kept, err := readTokenFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return kept, err
	}
	own, _ := token.New(string(auth.RoleAgent))
	return own, writeSecret(path, []byte(own+"\n"))
}

// refused says what helps. What the server has refused for good is not asked again.
func (j *joinFlags) refused(err error, pending string) error {
	var hint string
	switch {
	case has(err, api.CodeBadCode):
		hint = "copy the whole line that mlq host add printed; an older code ends where a new one is made"
	case has(err, api.CodeCodeUsed), has(err, api.CodeCodeExpired):
		hint = "ask an admin for a new one: mlq host add NAME"
	case has(err, api.CodeHostTaken):
		hint = "stop that agent, or join under another name: mlq host add NAME"
	default:
		return err // it may be asked again
	}
	return errors.Join(failed("%w", err).with("%s", hint), ignoreMissing(os.Remove(pending)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeEnv writes the agent's settings; what else stands in the file stays.
func (j *joinFlags) writeEnv(path string, r *remote, host, tokenFile string, ownData bool) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = envTemplate("agent.env")
	}
	if err != nil {
		return err
	}
	settings := []setting{{"MLQ_URL", r.base}, {"MLQ_TLS_FINGERPRINT", r.addressOf("").pin}, {"MLQ_NAME", host}}
	if j.name != "" {
		settings[2].value = j.name
	}
	if !j.systemd { // the units hand the token over themselves
		settings = append(settings, setting{"MLQ_TOKEN_FILE", tokenFile})
	}
	if ownData {
		data, err := filepath.Abs(*j.data)
		if err != nil {
			return err
		}
		settings = append(settings, setting{"MLQ_DATA", data})
	}
	return writeSecret(path, []byte(setLines(string(text), settings, envLine)))
}

func envTemplate(name string) ([]byte, error) {
	for _, file := range deploy.Env() {
		if file.Name == name {
			return file.Text, nil
		}
	}
	return nil, fmt.Errorf("no template of %s in this binary", name)
}
