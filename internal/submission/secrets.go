package submission

import (
	"fmt"
	"slices"
)

// SecretName reports whether a secret can have this name: that of a variable, so
// that a job can have it under the same one.
func SecretName(name string) bool { return envName(name) }

// readSecrets takes names, each for the variable of that name, or an object of
// variables and names. Only names travel: what they stand for is never in a body.
func readSecrets(p *Parsed, raw []byte) error {
	const want = `want a list of names, or an object of variables and names, as {"WANDB_API_KEY": "wandb"}`
	var secrets map[string]string
	var err error
	if raw[0] == '[' {
		secrets, err = readSecretNames(raw, want)
	} else {
		secrets, err = readMap(raw, want, MaxSecrets)
	}
	if err != nil {
		return err
	}
	for variable, name := range secrets {
		if err := checkVariable(variable); err != nil {
			return below(at(variable), err)
		}
		if !SecretName(name) {
			return below(at(variable), invalid("want the name of a secret: letters, digits and _"))
		}
	}
	p.Request.Secrets = secrets
	return nil
}

func readSecretNames(raw []byte, want string) (map[string]string, error) {
	names, err := decode[[]string](raw, want)
	if err != nil {
		return nil, err
	}
	if len(names) > MaxSecrets {
		return nil, invalid(fmt.Sprintf("at most %d entries", MaxSecrets))
	}
	secrets := make(map[string]string, len(names))
	for _, name := range names {
		secrets[name] = name
	}
	return secrets, nil
}

// checkSecrets: a variable has one value.
func (p *Parsed) checkSecrets() error {
	for variable := range p.Request.Secrets {
		if _, twice := p.Request.EnvVars[variable]; twice {
			return below("/secrets"+at(variable), invalid("env_vars has this variable too"))
		}
	}
	return nil
}

// SecretNames lists the secrets that the request names, sorted, each once.
func (p *Parsed) SecretNames() []string {
	names := make([]string, 0, len(p.Request.Secrets))
	for _, name := range p.Request.Secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
