package complete

import (
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/stream"
)

// A Source knows what exists. A method ends when its ctx does, with what it knows.
type Source interface {
	// Installations returns those of this machine.
	Installations(ctx context.Context) []state.Installation
	// Open returns the history of the installation that cmd's flags select, and
	// what closes it.
	Open(ctx context.Context, cmd *cobra.Command) (store history.Store, end func(), err error)
	// Connections returns the names of the brokers that the user has given names.
	Connections() []string
	// Filters returns the names of the filters that the user has given names.
	Filters() []string
}

// How long a completion takes at most, and how much of that its values may be
// asked for.
const (
	bound    = time.Second
	askBound = bound * 8 / 10
)

// recent is how many of the newest messages the topics are taken from.
const recent = 1000

// Add gives the commands below root their completions. Arguments that none is
// known for are not completed with the names of files.
func Add(root *cobra.Command, s Source) {
	installed := func(field func(state.Installation) string) cobra.CompletionFunc {
		return live(func(ctx context.Context, _ *cobra.Command) (values []string) {
			for _, i := range s.Installations(ctx) {
				values = append(values, field(i))
			}
			return values
		})
	}
	flags := map[string]cobra.CompletionFunc{
		"profile":   installed(func(i state.Installation) string { return i.Profile }),
		"namespace": installed(func(i state.Installation) string { return i.Namespace }),
		"broker": func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return begin(named(s.Connections()), prefix), cobra.ShellCompDirectiveNoFileComp
		},
		"filter": func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return begin(named(s.Filters()), prefix), cobra.ShellCompDirectiveNoFileComp
		},
		"topic": live(func(ctx context.Context, cmd *cobra.Command) []string { return topics(ctx, s, cmd) }),
	}
	target := installed(func(i state.Installation) string { return i.Target })
	for _, cmd := range root.Commands() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			complete, known := flags[f.Name]
			switch {
			case known:
			case f.Name == "target" && cmd.Name() != "up": // up takes each of them
				complete = target
			default:
				if complete = words(f.Usage); complete == nil {
					return
				}
			}
			_ = cmd.RegisterFlagCompletionFunc(f.Name, complete) // the flag exists, and had none
		})
		switch {
		case cmd.Name() == "tell":
			cmd.ValidArgsFunction = tell(s)
		case cmd.Name() == "watch":
			cmd.ValidArgsFunction = watch(s)
		case cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() && cmd.Name() != "help":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

// named returns names as they are typed.
func named(names []string) (typed []string) {
	for _, name := range names {
		typed = append(typed, "@"+name)
	}
	return typed
}

// endings are those of a recording's name.
var endings = []string{"ndjson", "jsonl", "zst"}

// watch completes a connection or a recording: those of the current folder are offered
// beside the connections.
func watch(s Source) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) > 0:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case prefix != "" && prefix[0] != '@':
			return endings, cobra.ShellCompDirectiveFilterFileExt
		}
		values := named(s.Connections())
		for _, ending := range endings {
			files, _ := filepath.Glob("*." + ending)
			values = append(values, files...)
		}
		return begin(values, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// tell completes a broadcaster, then a verb.
func tell(s Source) cobra.CompletionFunc {
	broadcasters := live(func(ctx context.Context, cmd *cobra.Command) (ids []string) {
		store, end, err := s.Open(ctx, cmd)
		if err != nil {
			return nil
		}
		defer end()
		senders, _ := store.Senders(ctx)
		for _, one := range senders {
			if one.Ours && one.State != stream.Gone && one.State != stream.Lost {
				ids = append(ids, one.Sender)
			}
		}
		return ids
	})
	verbs := []string{string(stream.Say), string(stream.Pause), string(stream.Resume), string(stream.Interval), string(stream.Identify)}
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return broadcasters(cmd, args, prefix)
		case 1:
			return begin(verbs, prefix), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// topics returns those of the newest messages.
func topics(ctx context.Context, s Source, cmd *cobra.Command) []string {
	store, end, err := s.Open(ctx, cmd)
	if err != nil {
		return nil
	}
	defer end()
	page, _ := store.Messages(ctx, history.Query{Limit: recent})
	found := map[string]bool{}
	for i := range page.Messages {
		found[page.Messages[i].Topic] = true
	}
	return slices.Collect(maps.Keys(found))
}

// alternatives are the words that a flag's usage offers: `text|json`.
var alternatives = regexp.MustCompile("`([a-z0-9]+(?:\\|[a-z0-9]+)+)`")

// words completes with the words of a flag's usage, or is nil if it has none.
func words(usage string) cobra.CompletionFunc {
	m := alternatives.FindStringSubmatch(usage)
	if m == nil {
		return nil
	}
	return cobra.FixedCompletions(strings.Split(m[1], "|"), cobra.ShellCompDirectiveNoFileComp)
}

// live completes with what get returns in time. What takes longer ends with the
// process, which has nothing more to do.
func live(get func(context.Context, *cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), askBound)
		defer cancel()
		got := make(chan []string, 1)
		go func() { got <- get(ctx, cmd) }()
		timeout := time.NewTimer(bound)
		defer timeout.Stop()
		select {
		case values := <-got:
			return begin(values, prefix), cobra.ShellCompDirectiveNoFileComp
		case <-timeout.C:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// begin returns the values that begin with prefix, sorted, each once. A value that
// is more than one line cannot be offered.
func begin(values []string, prefix string) []string {
	var fit []string
	for _, v := range values {
		if v != "" && strings.HasPrefix(v, prefix) && !strings.ContainsAny(v, "\n\r\t") {
			fit = append(fit, v)
		}
	}
	slices.Sort(fit)
	return slices.Compact(fit)
}
