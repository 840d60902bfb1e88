package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const postLong = `Post a message for listener functions, and print the job's id alone. MSG is JSON
where it is valid JSON, else the text itself (which then must not begin with { [ or ").

The functions are those that were registered (POST /consumer): all, in order of
arrival, or the named ones. Several follow one --functions, after a comma or a space.`

func newPost(io streams) *cobra.Command {
	var callback string
	var functions []string
	cmd := &cobra.Command{
		Use:   "post MSG",
		Short: "Post a message for listener functions and print the job's id",
		Long:  postLong,
		Example: `  mlq post '{"arg1": 6, "arg2": 3}'
  mlq post hello --functions greet --callback http://localhost:8000/done
  mlq result --wait $(mlq post '[1, 2, 3]' --functions load sum)`,
		Args: cobra.ArbitraryArgs,
	}
	server, request := bindServer(cmd), bindRequest(cmd)
	cmd.Flags().StringVar(&callback, "callback", "", "http or https URL that is told when the job has ended")
	cmd.Flags().StringSliceVar(&functions, "functions", nil, "only these functions, in order of arrival; default: all")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fields, err := request.fields(cmd)
		if err != nil {
			return err
		}
		if err := addPost(fields, args, functions, callback); err != nil {
			return err
		}
		_, id, err := server.submit(cmd.Context(), io, fields)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(io.out, id)
		return err
	}
	return cmd
}

// addPost reads MSG, and as functions also what follows it: the predecessor
// took --functions F G.
func addPost(fields map[string]any, args, functions []string, callback string) (err error) {
	switch {
	case len(args) == 0:
		return usage("mlq post takes a message").with("for example mlq post '{\"arg1\": 6}'")
	case len(args) > 1 && len(functions) == 0:
		return usage("mlq post takes one message, got %d", len(args)).with("put it into quotes")
	}
	if fields["msg"], err = readMessage(args[0]); err != nil {
		return err
	}
	if functions = append(functions, args[1:]...); len(functions) > 0 {
		fields["functions"] = functions
	}
	if callback != "" {
		fields["callback"] = callback
	}
	return nil
}
