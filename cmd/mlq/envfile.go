package main

import (
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envFileFlag defines --env-file: the settings of a service, for whoever starts
// it by hand.
func envFileFlag(f *pflag.FlagSet) {
	f.String("env-file", "", "file of settings MLQ_…=VALUE, a line each, that the environment does not have")
}

// envSetting is a line of such a file, as systemd reads it too.
var envSetting = regexp.MustCompile(`^(MLQ_[A-Z_]+)=(?:"([^"\\]*)"|([^"']*))$`)

// readEnvFile puts the settings of --env-file into the environment, where they
// do not stand there already.
func readEnvFile(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("env-file")
	if flag == nil || flag.Value.String() == "" {
		return nil
	}
	path := flag.Value.String()
	text, err := os.ReadFile(path)
	if err != nil {
		return misconfigured("--env-file: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		found := envSetting.FindStringSubmatch(line)
		if found == nil {
			return misconfigured("%s, line %d: want MLQ_NAME=VALUE", path, i+1)
		}
		if os.Getenv(found[1]) != "" {
			continue
		}
		if err := os.Setenv(found[1], found[2]+found[3]); err != nil {
			return misconfigured("%s, line %d: %w", path, i+1, err)
		}
	}
	return nil
}

// envLine is a setting as such a file has it.
func envLine(s setting) string {
	if strings.ContainsAny(s.value, " \t#;") {
		return s.name + `="` + s.value + `"`
	}
	return s.name + "=" + s.value
}
