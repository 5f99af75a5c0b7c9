package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/connections"
	"hellox/cmd/hellox/filters"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/history/remote"
)

type flagSet = *pflag.FlagSet

// selection selects an installation on a command line. Empty fields match all.
type selection struct {
	target    string
	profile   string
	namespace string
}

func (s *selection) add(flags flagSet) {
	args.String(flags, &s.target, "target", "", "the installation's target: `minikube|kind|local` (default: the only one there is)",
		args.OneOf("minikube", "kind", targetLocal))
	flags.StringVar(&s.profile, "profile", "", "the installation's minikube profile or kind cluster `NAME`")
	args.String(flags, &s.namespace, "namespace", "", "the installation's `NAMESPACE`", checkNamespace)
}

func (s selection) matches(i state.Installation) bool {
	return (s.target == "" || s.target == i.Target) &&
		(s.profile == "" || s.profile == i.Profile) &&
		(s.namespace == "" || s.namespace == i.Namespace)
}

// recorded returns the installations on record on this machine that match.
func (s selection) recorded(sh shell) ([]state.Instance, error) {
	root, err := state.Root(sh.env)
	if err != nil {
		return nil, err
	}
	all, err := state.List(root)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(i state.Instance) bool { return !s.matches(i.Installation) }), nil
}

// all returns every installation that matches: those on record on this machine,
// and, when none of those matches, those found in the local clusters that run. A
// tool that does not answer is an error if nothing else matches; a cluster that
// cannot be asked, such as one that is half deleted, is a note.
func (s selection) all(ctx context.Context, sh shell) ([]state.Instance, error) {
	return s.find(ctx, sh, false)
}

// find is all; with withData also those in clusters of which only the data is left.
func (s selection) find(ctx context.Context, sh shell, withData bool) ([]state.Instance, error) {
	matching, err := s.recorded(sh)
	if err != nil || len(matching) > 0 || s.target == targetLocal {
		return matching, err
	}
	found, unknown, err := installationsInClusters(ctx, sh, s, withData)
	if err != nil {
		return nil, err
	}
	for _, i := range found {
		matching = append(matching, state.Instance{Installation: i})
	}
	for _, err := range unknown {
		if _, silent := errors.AsType[bootrun.NoAnswer](err); silent && len(matching) == 0 {
			return nil, err
		}
	}
	for _, err := range unknown {
		fmt.Fprintf(sh.err, " • %s\n", output.OneLine(err.Error()))
	}
	return matching, nil
}

// selectOne returns the only matching installation that can be connected to. A
// local one that no process runs is passed over; one whose process does not answer
// is not.
func (s selection) selectOne(ctx context.Context, sh shell) (state.Instance, error) {
	matching, err := s.all(ctx, sh)
	if err != nil {
		return state.Instance{}, err
	}
	var reachable []state.Instance
	var process state.Process // of the last reachable one, if it is local
	for _, instance := range matching {
		p := state.Process{}
		if instance.Target == targetLocal {
			if p = instance.Process(ctx); !p.Running {
				continue
			}
		}
		reachable, process = append(reachable, instance), p
	}
	switch {
	case len(reachable) == 1 && process.Running && !process.Answers:
		return state.Instance{}, held("find the stream", reachable[0].Installation, process)
	case len(reachable) == 1:
		return reachable[0], nil
	case len(reachable) > 1:
		return state.Instance{}, ambiguous(reachable)
	case len(matching) > 0 && matching[0].Unreadable != nil:
		return state.Instance{}, matching[0].Unreadable
	case len(matching) > 0:
		return state.Instance{}, missing(fmt.Errorf("find the stream: %s does not run now", matching[0].Installation), "hellox up "+matching[0].Flags())
	}
	return state.Instance{}, s.none(ctx, sh)
}

// none returns the error of a selection that matches nothing: with what there is,
// if there is anything.
func (s selection) none(ctx context.Context, sh shell) error {
	there := s.others(ctx, sh)
	if len(there) == 0 {
		return missing(fmt.Errorf("find the stream: nothing is up%s", s), "hellox up"+s.flags())
	}
	return usage(fmt.Sprintf("find the stream: nothing is up%s; there is %s", s, few(there)), "select one with "+choices(there[:min(len(there), mostNamed)]))
}

// others returns what there is when s matches nothing. A cluster that cannot be
// asked is left out: it is only a help.
func (s selection) others(ctx context.Context, sh shell) []state.Instance {
	if s == (selection{}) {
		return nil
	}
	all, _ := selection{}.recorded(sh)
	found, _, _ := installationsInClusters(ctx, sh, selection{}, false)
	return append(all, unrecorded(all, found)...)
}

// unrecorded returns those of found that are not in all.
func unrecorded(all []state.Instance, found []state.Installation) []state.Instance {
	var more []state.Instance
	for _, i := range found {
		if !slices.ContainsFunc(all, func(known state.Instance) bool { return known.Installation == i }) {
			more = append(more, state.Instance{Installation: i})
		}
	}
	return more
}

// held returns the error of a command that the process p stands in the way of,
// which holds the lock of i.
func held(verb string, i state.Installation, p state.Process) error {
	return missing(fmt.Errorf("%s: %s: %s", verb, i, describe(p)), heldHint(i, p))
}

// heldHint returns what helps where the process p holds the lock of i, and does not
// answer. It is no down, which would remove the installation too.
func heldHint(i state.Installation, p state.Process) string {
	hint := "hellox status"
	if p.Running && !p.Removing && p.PID != 0 {
		hint += ", or end that process: " + p.EndCommand() + ", then hellox up " + i.Flags()
	}
	return hint
}

// describe returns what the process p that holds a lock does.
func describe(p state.Process) string {
	who := fmt.Sprintf("process %d", p.PID)
	if p.PID == 0 {
		who = "an unknown process"
	}
	switch {
	case !p.Running:
		return "another hellox held it until now"
	case p.Removing:
		return who + " is removing it"
	case p.Answers:
		return who + " runs it"
	case p.Starting:
		return who + " runs it, but does not answer; it may just be starting or ending"
	}
	return who + " runs it, but does not answer"
}

// selectAny returns the only installation that matches, whether it runs or not.
func (s selection) selectAny(ctx context.Context, sh shell) (state.Instance, error) {
	matching, err := s.all(ctx, sh)
	if err != nil {
		return state.Instance{}, err
	}
	switch len(matching) {
	case 0:
		return state.Instance{}, s.none(ctx, sh)
	case 1:
		return matching[0], nil
	}
	return state.Instance{}, ambiguous(matching)
}

// String is the selection as a part of a sentence, or "".
func (s selection) String() string {
	var words []string
	for _, w := range []struct{ name, value string }{{"target", s.target}, {"profile", s.profile}, {"namespace", s.namespace}} {
		if w.value != "" {
			words = append(words, w.name+" "+w.value)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " with " + strings.Join(words, ", ")
}

// flags returns the words that follow a command to give it s, or "".
func (s selection) flags() string {
	words := []string{""}
	for _, w := range []struct{ flag, value string }{{"--target", s.target}, {"--profile", s.profile}, {"--namespace", s.namespace}} {
		if w.value != "" {
			words = append(words, w.flag, args.Quote(w.value))
		}
	}
	return strings.Join(words, " ")
}

func ambiguous(all []state.Instance) error {
	return usage(fmt.Sprintf("choose an installation: there are %d: %s", len(all), names(all)), "select one with "+choices(all))
}

// names lists installations in a sentence.
func names(all []state.Instance) string {
	var list []string
	for _, instance := range all {
		list = append(list, instance.String())
	}
	return strings.Join(list, "; ")
}

// mostNamed is how many installations are named that were not asked for.
const mostNamed = 3

// few lists installations in a sentence: the first ones, and how many there are
// besides.
func few(all []state.Instance) string {
	if len(all) <= mostNamed {
		return names(all)
	}
	return fmt.Sprintf("%s; and %d more, which hellox status lists", names(all[:mostNamed]), len(all)-mostNamed)
}

// choices lists the flags that select each.
func choices(all []state.Instance) string {
	var list []string
	for _, instance := range all {
		list = append(list, instance.Flags())
	}
	return strings.Join(list, ", or ")
}

// completions is what the command line is completed from. It tells nothing.
type completions struct{ sh shell }

// Installations implements complete.Source.
func (c completions) Installations(ctx context.Context) (all []state.Installation) {
	c.sh.err = io.Discard
	recorded, _ := selection{}.recorded(c.sh)
	for _, instance := range recorded {
		all = append(all, instance.Installation)
	}
	found, _, _ := installationsInClusters(ctx, c.sh, selection{}, false)
	for _, instance := range unrecorded(recorded, found) {
		all = append(all, instance.Installation)
	}
	return all
}

// Connections implements complete.Source.
func (c completions) Connections() []string { return connections.Names(c.sh.env) }

// Filters implements complete.Source.
func (c completions) Filters() (names []string) {
	file, err := filters.Open(c.sh.env)
	if err != nil {
		return nil
	}
	all, _ := file.All()
	for _, n := range all {
		names = append(names, n.Name)
	}
	return names
}

// Open implements complete.Source.
func (c completions) Open(ctx context.Context, cmd *cobra.Command) (history.Store, func(), error) {
	c.sh.err = io.Discard
	if err := flagsFromEnvironment(cmd, c.sh.env); err != nil {
		return nil, nil, err
	}
	if f := cmd.Flags().Lookup("broker"); f != nil && f.Value.String() != "" {
		return nil, nil, errors.New("a broker's URL has no history")
	}
	var s selection
	for name, to := range map[string]*string{"target": &s.target, "profile": &s.profile, "namespace": &s.namespace} {
		f := cmd.Flags().Lookup(name)
		if f == nil {
			return nil, nil, errors.New("the command is about no installation")
		}
		*to = f.Value.String()
	}
	a, err := s.connect(ctx, c.sh)
	if err != nil {
		return nil, nil, err
	}
	store, err := remote.Open(ctx, a.web)
	if err != nil {
		a.close()
		return nil, nil, err
	}
	return store, func() { _ = store.Close(); a.close() }, nil
}
