package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/portowner"
)

const defaultListen = "127.0.0.1:5001"

func listenFlag(cmd *cobra.Command) *string {
	listen := cmd.Flags().String("listen", defaultListen, "address and port to listen on; port 0 takes a free one")
	variable(cmd.Flags(), "listen", "MLQ_LISTEN")
	return listen
}

// checkListen refuses an address that is none.
func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return misconfigured("--listen %s: want ADDRESS:PORT, for example %s", address, defaultListen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return misconfigured("--listen %s: the port must be a number up to 65535", address)
	}
	return nil
}

// loopbackOnly reports whether nobody beyond this machine reaches an address.
func loopbackOnly(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

// loopback reports whether a host's name or address is this machine's own.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// listenOn opens the port, or says who has it.
func listenOn(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(address)
		return nil, failed("port %s is taken by %s", port, portowner.Who(address)).with("stop it, or listen elsewhere: --listen 127.0.0.1:PORT")
	}
	if err != nil {
		return nil, failed("listen: %w", err)
	}
	return ln, nil
}
