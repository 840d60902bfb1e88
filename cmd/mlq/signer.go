package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlq-dev/mlq/internal/signing"
)

const signerLong = `The keys by which the servers of a store sign jobs, users and tokens, in the file
DATA/signing.key of the server on this machine. Agents run only what one of them
has signed. The server reads the file when it starts: restart it after a change,
and give the file to the other servers of the store.`

func newSigner(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "signer",
		Short: "The keys by which servers sign jobs",
		Long:  signerLong,
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	cmd.AddCommand(
		signerCommand(io, "list", "Show the keys", "", none(), listSigners),
		signerCommand(io, "rotate", "Put a new key before the others", "The older ones stay valid, and sign nothing any more.", none(), rotateSigner),
		signerCommand(io, "remove ID", "Take a key out", "What only it has signed is refused as soon as the servers were restarted, and a minute later by all agents.", exactly(1, "the id of a key"), removeSigner),
		signerCommand(io, "refuse", "Have the next start refuse what keys that were taken out have signed", "For a key that was stolen: jobs, users and all tokens that only it has signed are refused. That start writes a new admin token.", none(), refuseOthers),
		signerCommand(io, "adopt", "Have the next start sign all that the store has", "Also what no server has signed: it is taken for genuine. For what older servers wrote after the upgrade, and for a store that was restored elsewhere.", none(), adoptStore),
		signerCommand(io, "new", "Make a new file where the old one is lost", "The next start signs all that the store has, and takes it for genuine.", none(), newSigners),
	)
	return cmd
}

// signerAct is what a command does with the file.
type signerAct func(io streams, file signing.File, args []string) error

func signerCommand(io streams, use, short, more string, args cobra.PositionalArgs, act signerAct) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args, Long: short + "."}
	if more != "" {
		cmd.Long += " " + more
	}
	data, path := dataFlag(cmd), signingKeyFlag(cmd.Flags())
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		file := signing.File{Path: *path}
		if *path == "" {
			if *data == "" {
				return misconfigured("no data folder: this user has no home").with("name the server's with --data DIR")
			}
			file.Path = filepath.Join(*data, "signing.key")
		}
		if err := act(io, file, args); err != nil {
			return failed("signer: %w", err).with("name the server's data folder with --data DIR, as whoever runs the server")
		}
		return nil
	}
	return cmd
}

func listSigners(io streams, file signing.File, _ []string) error {
	first, others, err := file.Read()
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%s  signs\n", first.ID())
	for _, k := range others {
		fmt.Fprintf(io.out, "%s  valid\n", k.ID())
	}
	return nil
}

func rotateSigner(io streams, file signing.File, _ []string) error {
	first, err := file.Rotate()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "%s signs once the server was restarted\n", first.ID())
	return err
}

func removeSigner(io streams, file signing.File, args []string) error {
	if err := file.Remove(args[0]); err != nil {
		return err
	}
	_, err := fmt.Fprintf(io.out, "%s is not valid once the servers were restarted\n", args[0])
	return err
}

func adoptStore(io streams, file signing.File, _ []string) error {
	if _, _, err := file.Read(); err != nil {
		return err
	}
	if err := orderAdoption(file); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "the next start of mlq serve signs all that its store has")
	return err
}

func refuseOthers(io streams, file signing.File, _ []string) error {
	if _, _, err := file.Read(); err != nil {
		return err
	}
	if err := orderRefusal(file); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "the next start of mlq serve refuses what none of its keys has signed, and writes a new admin token")
	return err
}

func newSigners(io streams, file signing.File, args []string) error {
	if _, err := os.Stat(file.Path); err == nil {
		return fmt.Errorf("%s is there: mlq signer rotate makes a further key", file.Path)
	}
	if err := file.Make(); err != nil {
		return err
	}
	return adoptStore(io, file, args)
}
