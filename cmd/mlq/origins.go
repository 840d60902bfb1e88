package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

// originsFlag defines --allow-origin.
func originsFlag(cmd *cobra.Command) *[]string {
	origins := cmd.Flags().StringArray("allow-origin", nil, "origin whose web pages may read signed links, as https://lab.example.org; repeatable")
	variable(cmd.Flags(), "allow-origin", "MLQ_ALLOW_ORIGIN")
	return origins
}

// checkOrigins refuses what no browser would send: origins are compared as
// texts, so one with a path would never match.
func checkOrigins(origins []string) error {
	for _, text := range origins {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || text != u.Scheme+"://"+u.Host {
			return misconfigured("--allow-origin %s: want scheme, host and port as a browser sends them, for example https://lab.example.org", text)
		}
	}
	return nil
}
