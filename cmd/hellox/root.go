package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/cmd/hellox/args"
)

// newRoot returns the command line. Each subcommand's file defines its own flags.
func newRoot(sh shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "hellox",
		Short: "Run an MQTT stream on a local Kubernetes cluster and watch it",
		Long: `hellox runs an MQTT stream on a local Kubernetes cluster and shows it in the terminal and the browser.

  hellox up      create or update an installation: in a local cluster if there is one, else in this process
  hellox watch   show the stream in this terminal
  hellox open    show the stream in the browser
  hellox down    remove what up recorded

Every flag can be set by an environment variable: --broker by HELLOX_BROKER.`,
		Version:       thisVersion().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return flagsFromEnvironment(cmd, sh.env)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(args.Sentence(err), cmd.CommandPath()+" --help")
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: groupPeople, Title: "For people:"},
		&cobra.Group{ID: groupPods, Title: "For pods, one role each:"},
	)
	root.SetHelpCommandGroupID(groupPeople)
	root.SetCompletionCommandGroupID(groupPeople)
	people := []*cobra.Command{
		newUp(sh),
		newWatch(sh),
		newOpen(sh),
		newStatus(sh),
		newScale(sh),
		newPublish(sh),
		newTell(sh),
		newLogs(sh),
		newDown(sh),
		newManifests(sh),
		newVersion(sh),
	}
	pods := []*cobra.Command{newBroker(sh), newBroadcast(sh), newReceive(sh)}
	for _, c := range people {
		c.GroupID = groupPeople
	}
	for _, c := range pods {
		c.GroupID = groupPods
	}
	for _, c := range append(people, pods...) {
		c.Args = usageArgs(c.Args)
		root.AddCommand(c)
	}
	root.Args = usageArgs(unknownCommand)
	return root
}

const (
	groupPeople = "people"
	groupPods   = "pods"
)

// outputFlag defines the --output of a command that ends by itself.
func outputFlag(f flagSet, format *string, usage string) {
	args.String(f, format, "output", "text", usage, args.OneOf("text", "json"))
}

// usageArgs turns a wrong number of arguments into a usage error (exit 2).
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = cobra.NoArgs
	}
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(err.Error(), cmd.CommandPath()+" --help")
		}
		return nil
	}
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// flagsFromEnvironment sets the flags of cmd that were not given from the
// environment.
func flagsFromEnvironment(cmd *cobra.Command, env func(string) (string, bool)) error {
	var others []*pflag.FlagSet
	for _, c := range cmd.Root().Commands() {
		if c != cmd {
			others = append(others, c.Flags())
		}
	}
	if err := args.FromEnvironment(cmd.Flags(), env, others); err != nil {
		return usage(err.Error(), cmd.CommandPath()+" --help")
	}
	return nil
}
