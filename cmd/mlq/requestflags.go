package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"
)

// requestFlags are the request fields as flags. The server checks their
// values; here they only become JSON.
type requestFlags struct {
	texts  map[string]*string // by field; "" is not given
	counts map[string]*int    // by field; sent where the flag was given
	labels []string
	env    []string
	after  []string
	secret []string
}

// textFields are sent as they are given.
var textFields = []struct{ field, flag, usage string }{
	{"gpu_mem", "gpu-mem", `memory per device, as 40GB or bytes (default: any)`},
	{"gpu_type", "gpu-type", `model, as H100 or A100*80GB (default: any)`},
	{"min_cc", "min-cc", "least compute capability, as 8.0 (default: any)"},
	{"host", "host", "only on this host (default: any)"},
	{"python", "python", "environment: a name, a version as 3.11, or a path (default: any)"},
	{"workdir", "workdir", "directory on the host, of a shared file system (default: one of its own)"},
	{"name", "name", "name for people (default: the function's or program's)"},
	{"timeout", "timeout", "time limit of one attempt, as 2h (default: the server's)"},
	{"queue_timeout", "queue-timeout", "fail when it has waited this long, as 30m (default: never)"},
	{"grace", "grace", "time between SIGTERM and SIGKILL, as 30s (default 10s)"},
	{"run_at", "run-at", "not before this time, as 2026-01-31T08:00:00Z (default: now)"},
	{"on_partition", "on-partition", "kill or keep, when its host cannot reach the store (default kill)"},
	{"result_ttl", "result-ttl", "forget the result after this time, as 30d (default: never)"},
	{"key", "key", "idempotency key: the same key finds the same job"},
}

var countFields = []struct{ field, flag, usage string }{
	{"gpus", "gpus", "number of devices; 0 is a CPU slot (default 1)"},
	{"priority", "priority", "higher runs first; users -10 to 0, admins to 10 (default 0)"},
	{"retries", "retries", "how often to try again after a failure (default 0)"},
}

func bindRequest(cmd *cobra.Command) *requestFlags {
	q := requestFlags{texts: map[string]*string{}, counts: map[string]*int{}}
	f := cmd.Flags()
	for _, t := range textFields {
		q.texts[t.field] = f.String(t.flag, "", t.usage)
	}
	for _, c := range countFields {
		q.counts[c.field] = f.Int(c.flag, 0, c.usage)
	}
	f.StringArrayVar(&q.labels, "label", nil, "label that the host must have, KEY=VALUE; repeatable")
	f.StringArrayVar(&q.env, "env", nil, "variable for the job, NAME=VALUE; repeatable")
	f.StringArrayVar(&q.secret, "secret", nil, "secret for the job, as the variable NAME, or VARIABLE=NAME; repeatable (see mlq secret)")
	f.StringSliceVar(&q.after, "after", nil, "job ids that must have succeeded first")
	return &q
}

// fields gives the request fields that were given.
func (q *requestFlags) fields(cmd *cobra.Command) (map[string]any, error) {
	fields := map[string]any{}
	for name, value := range q.texts {
		if *value != "" {
			fields[name] = *value
		}
	}
	for _, c := range countFields {
		if cmd.Flags().Changed(c.flag) {
			fields[c.field] = *q.counts[c.field]
		}
	}
	for name, pairs := range map[string][]string{"labels": q.labels, "env_vars": q.env} {
		if err := addPairs(fields, name, pairs); err != nil {
			return nil, err
		}
	}
	if err := q.addSecrets(fields); err != nil {
		return nil, err
	}
	return fields, q.addAfter(fields)
}

// addSecrets reads NAME and VARIABLE=NAME.
func (q *requestFlags) addSecrets(fields map[string]any) error {
	if len(q.secret) == 0 {
		return nil
	}
	secrets := map[string]string{}
	for _, given := range q.secret {
		variable, name, two := strings.Cut(given, "=")
		if !two {
			name = variable
		}
		if _, twice := secrets[variable]; variable == "" || name == "" || twice {
			return usage("--secret: want NAME or VARIABLE=NAME, each variable once").with("mlq secret list shows the names; a value is not given here")
		}
		secrets[variable] = name
	}
	fields["secrets"] = secrets
	return nil
}

func addPairs(fields map[string]any, name string, pairs []string) error {
	if len(pairs) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return usage("%q: want NAME=VALUE", pair)
		}
		values[key] = value
	}
	fields[name] = values
	return nil
}

func (q *requestFlags) addAfter(fields map[string]any) error {
	ids, err := readIDs(q.after)
	if err == nil && len(ids) > 0 {
		fields["after"] = ids
	}
	return err
}

// readMessage takes MSG as JSON where it is that, else as a text. What begins
// like an object, a list or a quoted text and is none is a slip.
func readMessage(text string) (any, error) {
	var value json.RawMessage
	err := json.Unmarshal([]byte(text), &value)
	if err == nil {
		return value, nil
	}
	if strings.ContainsAny(strings.TrimSpace(text)[:min(1, len(strings.TrimSpace(text)))], "{[\"") {
		return nil, usage("MSG is not valid JSON: %w", err).with("a text that begins like JSON is given in JSON's quotes")
	}
	return text, nil
}
