package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/complete"
	"hellox/stream"
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
		return usage(flagSentence(cmd, err), flagHint(cmd, err))
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
		newDoctor(sh),
		newDown(sh),
		newManifests(sh),
		newCerts(sh),
		newHistory(sh),
		newVersion(sh),
	}
	pods := []*cobra.Command{newBroker(sh), newNATS(sh), newBroadcast(sh), newReceive(sh)}
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
	complete.Add(root, completions{sh})
	root.Args = usageArgs(unknownCommand)
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = usageArgs(unknownShell)
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	return root
}

// newHelp returns the help command; cobra's own ends with 0 for an unknown topic.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about any command",
		GroupID: groupPeople,
		RunE: func(cmd *cobra.Command, words []string) error {
			topic, rest, err := cmd.Root().Find(words)
			if err != nil || topic == cmd.Root() && len(rest) > 0 {
				return usage(unknownCommand(cmd.Root(), words).Error(), "hellox --help")
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

func unknownShell(cmd *cobra.Command, words []string) error {
	if len(words) == 0 {
		return nil
	}
	var shells []string
	for _, c := range cmd.Commands() {
		shells = append(shells, c.Name())
	}
	return fmt.Errorf("unknown shell %q: there are %s", words[0], strings.Join(shells, ", "))
}

// flagHint returns the command to type after a wrong flag. A text that begins with
// - is no flag: -- ends them.
func flagHint(cmd *cobra.Command, err error) string {
	unknown := new(pflag.NotExistError)
	if !errors.As(err, &unknown) {
		return cmd.CommandPath() + " --help"
	}
	text := "--" + unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		text = "-" + short
	}
	before := cmd.Flags().Args()
	switch {
	case args.Nearest(cmd.Flags(), unknown.GetSpecifiedName()) != "":
	case cmd.Name() == "publish" && len(before) == 0:
		return "hellox publish -- " + args.Quote(text) + ", if that is the text"
	case cmd.Name() == "tell" && len(before) == 2 && before[1] == string(stream.Say):
		return "hellox tell SENDER say -- " + args.Quote(text) + ", if that is the text"
	}
	return cmd.CommandPath() + " --help"
}

// takesText reports whether an argument of cmd is a text that may begin with -.
func takesText(cmd *cobra.Command) bool { return cmd.Name() == "publish" || cmd.Name() == "tell" }

// flagSentence returns what is wrong with a flag. A number below 0 that is no flag
// is told as such: "-1" is not the shorthand 1.
func flagSentence(cmd *cobra.Command, err error) string {
	unknown := new(pflag.NotExistError)
	if errors.As(err, &unknown) {
		if s := unknown.GetSpecifiedShortnames(); s != "" && strings.Contains(".0123456789", s[:1]) && !takesText(cmd) {
			return fmt.Sprintf("%s takes no number below 0, such as -%s", cmd.Name(), s)
		}
		if near := args.Nearest(cmd.Flags(), unknown.GetSpecifiedName()); near != "" {
			return fmt.Sprintf("%s; did you mean --%s?", err, near)
		}
	}
	return args.Sentence(err)
}

// words checks the number of arguments: one for each name, or more if more.
func words(more bool, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) < len(names):
			return fmt.Errorf("%s needs %s", cmd.Name(), strings.Join(names[len(given):], " and "))
		case len(given) > len(names) && !more:
			return fmt.Errorf("%s takes one %s, not %d: put quotes around words that belong together", cmd.Name(), strings.Join(names, " and "), len(given))
		}
		return nil
	}
}

// atMostOne takes no argument, or the one of that name.
func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) > 1 {
			return fmt.Errorf("%s takes one %s, not %d", cmd.Name(), name, len(given))
		}
		return nil
	}
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
		check = func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return fmt.Errorf("%s takes no argument, not %q", cmd.Name(), given[0])
			}
			return nil
		}
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

func newVersion(sh shell) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			if format == "json" {
				return json.NewEncoder(sh.out).Encode(v)
			}
			_, err := fmt.Fprintln(sh.out, v)
			return err
		},
	}
	outputFlag(cmd.Flags(), &format, "`text|json`")
	return cmd
}

// version describes a build.
type version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// String returns v as hellox version and hellox --version print it.
func (v version) String() string {
	return fmt.Sprintf("hellox %s (%s, %s/%s)", v.Version, v.Go, v.OS, v.Arch)
}

// thisVersion returns the build information of this binary.
func thisVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
