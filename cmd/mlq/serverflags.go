package main

import "github.com/spf13/cobra"

const defaultServer = "http://" + defaultListen

// serverFlags say which server is asked, and with which token.
type serverFlags struct {
	url       string
	tokenFile string
}

func bindServer(cmd *cobra.Command) *serverFlags {
	var s serverFlags
	f := cmd.Flags()
	f.StringVar(&s.url, "server", defaultServer, "URL of the server")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the token; else it is taken from MLQ_TOKEN")
	variable(f, "server", "MLQ_URL")
	variable(f, "token-file", "MLQ_TOKEN_FILE")
	return &s
}

// remote is the server that the flags name.
func (s *serverFlags) remote() (*remote, error) {
	token, err := tokenFrom(s.tokenFile)
	if err != nil {
		return nil, err
	}
	return newRemote(s.url, token)
}
