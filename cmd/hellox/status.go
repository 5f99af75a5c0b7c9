package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap"
	"hellox/bootstrap/authority"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/units"
)

func newStatus(sh shell) *cobra.Command {
	var (
		selected selection
		format   string
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every installation: pods, forwards, senders, rates",
		RunE: func(cmd *cobra.Command, _ []string) error {
			sh, err := remembering(sh)
			if err != nil {
				return err
			}
			r := statusReport{sh: sh, steps: output.NewSteps(sh.out, sh.err, sh.env, false), json: format == "json"}
			sh.runner.OnWaiting(r.steps.Waiting)
			return r.run(cmd.Context(), selected)
		},
	}
	f := cmd.Flags()
	selected.add(f)
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// A statusReport shows one installation after the other: what is on this machine
// first, as programs that know clusters may take long, or never answer.
type statusReport struct {
	sh    shell
	steps *output.Steps // the line that says what it waits for
	json  bool
	list  []installationStatus
}

func (r *statusReport) run(ctx context.Context, s selection) error {
	recorded, err := s.recorded(r.sh)
	if err != nil {
		return err
	}
	if s.target != targetLocal {
		// Asked meanwhile: each tool takes its own time, and the answers are remembered.
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			_, _, _ = runningClusters(ctx, r.sh, s)
		}()
		defer func() { <-asked }()
	}
	var inClusters []state.Instance
	for _, instance := range recorded {
		if instance.Target != targetLocal {
			inClusters = append(inClusters, instance)
			continue
		}
		if err := r.add(ctx, instance); err != nil {
			return err
		}
	}
	var unknown []error
	if s.target != targetLocal {
		if unknown, err = r.clusters(ctx, s, inClusters); err != nil {
			return err
		}
	}
	return r.end(ctx, s, unknown)
}

// clusters adds the installations in clusters: recorded, and found there. It returns
// why a cluster could not be asked.
func (r *statusReport) clusters(ctx context.Context, s selection, recorded []state.Instance) (unknown []error, err error) {
	for _, instance := range recorded {
		if err := r.add(ctx, instance); err != nil {
			return nil, err
		}
	}
	r.steps.Begin(step.Cluster)
	found, unknown, err := installationsInClusters(ctx, r.sh, s, true)
	r.steps.Drop()
	if err != nil {
		return nil, err
	}
	for _, instance := range unrecorded(recorded, found) {
		if err := r.add(ctx, instance); err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

// add reads the status of instance, and prints it at once as text.
func (r *statusReport) add(ctx context.Context, instance state.Instance) error {
	r.steps.Begin(instance.String())
	status := readStatus(ctx, r.sh, instance)
	r.steps.Drop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.list = append(r.list, status)
	if r.json {
		return nil
	}
	var text bytes.Buffer
	status.print(&text, time.Now(), output.Capable(r.sh.out, r.sh.env))
	if _, err := r.sh.out.Write(text.Bytes()); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}

// end reports that there is nothing, and which clusters could not be asked.
func (r *statusReport) end(ctx context.Context, s selection, unknown []error) error {
	if len(r.list) == 0 && len(unknown) > 0 {
		return unknown[0]
	}
	if len(r.list) == 0 && len(s.others(ctx, r.sh)) > 0 {
		return s.none(ctx, r.sh)
	}
	if r.json {
		report := struct {
			Installations []installationStatus `json:"installations"`
			Unknown       []string             `json:"unknown,omitempty"` // why a cluster could not be asked
		}{Installations: r.list}
		for _, err := range unknown {
			report.Unknown = append(report.Unknown, output.OneLine(err.Error()))
		}
		if report.Installations == nil {
			report.Installations = []installationStatus{}
		}
		return output.JSON(r.sh.out, report)
	}
	if len(r.list) == 0 {
		fmt.Fprintf(r.sh.err, "nothing is up%s\nhint: hellox up%s\n", s, s.flags())
	}
	for _, err := range unknown {
		r.steps.Note(err.Error())
	}
	return nil
}

// An installationStatus is how one installation does.
type installationStatus struct {
	state.Installation
	State   string `json:"state"`           // one of the constants below
	Running bool   `json:"running"`         // State is stateRunning
	Cause   string `json:"cause,omitempty"` // why it does not run or could not be asked
	Hint    string `json:"hint,omitempty"`  // what to do about Cause, if that is known
	// Broadcasters is how many were asked for; the senders are those that were heard.
	Broadcasters *int            `json:"broadcasters,omitempty"`
	Pods         *install.Status `json:"pods,omitempty"` // of a cluster
	Certificates *certificates   `json:"certificates,omitempty"`
	Forward      *forwardStatus  `json:"forward,omitempty"`
	Senders      []stream.Sender `json:"senders,omitempty"`
	Stats        *history.Stats  `json:"stats,omitempty"`
}

// certificates are those that broker and clients of an installation in a cluster trust
// each other by.
type certificates struct {
	Until stream.Time `json:"until"`
	Due   bool        `json:"due"` // an up renews them
}

// newCertificates returns what is known of certificates that end then; nil if there are
// none.
func newCertificates(end, now time.Time) *certificates {
	if end.IsZero() {
		return nil
	}
	return &certificates{stream.Time(end), authority.Due(end, now)}
}

// print warns of certificates that are due for renewal.
func (c *certificates) print(w io.Writer, i state.Installation, now time.Time) {
	if c == nil || !c.Due {
		return
	}
	verb := "end"
	if now.After(time.Time(c.Until)) {
		verb = "ended"
	}
	fmt.Fprintf(w, "  certificates: they %s on %s; hellox up %s renews them\n", verb, time.Time(c.Until).Local().Format(time.DateOnly), i.Flags())
}

// The states of an installation. Its own process tells of a local one, and its cluster
// of any other: that a process holds its forwards says nothing.
const (
	stateRunning  = "running"
	stateStarting = "not ready" // of the pods of a role too few are ready
	stateStopped  = "not running"
	stateUnknown  = "unknown" // its cluster could not be asked
)

// set sets the state, and why it is that.
func (s *installationStatus) set(state string, cause error) {
	s.State, s.Running = state, state == stateRunning
	if cause != nil {
		text, _ := sentence(cause)
		s.Cause = output.OneLine(text)
		if e, ok := errors.AsType[*step.Error](cause); ok {
			s.Hint = output.OneLine(e.Hint)
		}
	}
}

// A forwardStatus is who holds the forwards, and where they are.
type forwardStatus struct {
	PID      int         `json:"pid"`
	Answers  bool        `json:"answers"` // else it is stopped, busy, or not up yet
	Since    stream.Time `json:"since,omitzero"`
	Detached bool        `json:"detached"`
	Web      string      `json:"web,omitempty"`
	MQTT     string      `json:"mqtt,omitempty"`
	// What a new connection meets: "ready", or why it waits.
	PageState string `json:"page_state,omitempty"`
	MQTTState string `json:"mqtt_state,omitempty"`
}

const (
	forwardReady   = "ready"
	forwardDown    = "down"    // there is no pod that runs: Cause says why
	forwardUnknown = "unknown" // the cluster could not be asked: it may carry all the same
)

// forwardState returns whether a forward has a ready pod of role to end at.
func forwardState(pods install.Status, role string) string {
	if ready, _, _ := readyRole(pods, role); ready {
		return forwardReady
	}
	return "waiting for a ready pod of " + role
}

// newForwardStatus returns who holds the lock of instance, or nil.
func newForwardStatus(instance state.Instance, p state.Process) *forwardStatus {
	if !p.Running {
		return nil
	}
	f := &forwardStatus{PID: p.PID, Answers: p.Answers}
	if h := instance.Owner; h != nil && h.PID == p.PID {
		f.Since, f.Detached, f.Web, f.MQTT = stream.Time(h.Started), h.Detached, h.Web, h.MQTT
	}
	return f
}

// How long an installation's cluster and its receiver may take to answer. What else is
// on this machine is to be seen soon.
const (
	clusterAnswers  = 6 * time.Second // a tool is given up after 5 s, by name
	receiverAnswers = 3 * time.Second
)

// readStatus asks the cluster and the receiver. What cannot be asked is told as
// the cause: one installation that is broken must not hide the others.
func readStatus(ctx context.Context, sh shell, instance state.Instance) installationStatus {
	s := installationStatus{Installation: instance.Installation}
	p := instance.Process(ctx)
	s.Forward = newForwardStatus(instance, p)
	s.set(stateStopped, nil)
	if p.Running && !p.Removing {
		s.set(stateRunning, nil)
	}
	switch {
	case instance.Unreadable != nil:
		s.Cause = output.OneLine(instance.Unreadable.Error())
		if p.Running {
			s.Cause += "; " + describe(p)
		}
	case p.Running && !p.Answers:
		s.Cause = describe(p)
	}
	web, end := "", func() {}
	if p.Answers && instance.Unreadable == nil {
		web = instance.Owner.Web
	}
	if instance.Target == targetLocal {
		s.Broadcasters = instance.Broadcasters
		if !s.Running && s.Cause == "" {
			s.remaining(instance.Dir())
		}
		if !p.Answers {
			return s
		}
	} else {
		c, ok := s.askCluster(ctx, sh)
		if f := s.Forward; f != nil && f.Web != "" && s.Pods == nil {
			f.PageState, f.MQTTState = forwardUnknown, forwardUnknown
			if s.State == stateStopped { // there is no pod to end at
				f.PageState, f.MQTTState = forwardDown, forwardDown
			}
		}
		if !ok {
			return s
		}
		if web == "" {
			a, err := endpointsIn(ctx, c, instance.Installation)
			if err != nil {
				s.set(s.State, err)
				return s
			}
			web, end = a.web, a.close
		}
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, receiverAnswers)
	defer cancel()
	if err := s.ask(ctx, web); err != nil {
		s.set(s.State, err)
	}
	return s
}

// remaining says what is in the folder of a local installation that no process runs.
func (s *installationStatus) remaining(dir state.Dir) {
	s.Cause = "no process runs it, and nothing is stored"
	if size := dir.DataSize(); size > 0 {
		s.Cause = fmt.Sprintf("no process runs it; its history and queues remain, %s in %s", units.Bytes(size), dir)
		s.Hint = fmt.Sprintf("hellox up %s goes on with them, hellox down %s removes them", s.Flags(), s.Flags())
	}
}

// askCluster asks the cluster of s for its pods. It reports whether there is a receiver
// to ask.
func (s *installationStatus) askCluster(ctx context.Context, sh shell) (*cluster.Cluster, bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, clusterAnswers, fmt.Errorf("its cluster has not answered in %s", clusterAnswers))
	defer cancel()
	c, err := connectCluster(ctx, sh, s.Installation)
	var pods install.Status
	if err == nil {
		pods, err = install.ReadStatus(ctx, c.REST, s.Namespace)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	stopped := errStopped{}
	switch {
	case errors.As(err, &stopped):
		s.set(stateStopped, stopped)
		return nil, false
	case errors.Is(err, errNoCluster):
		s.set(stateStopped, errNoCluster)
		return nil, false
	case c != nil && step.Is(err, step.Missing):
		s.set(stateStopped, err)
		return nil, false
	case err != nil:
		s.set(stateUnknown, err)
		return nil, false
	}
	s.Pods, s.Broadcasters = &pods, pods.Broadcasters
	if end, err := bootstrap.CertificatesEnd(ctx, c, s.Namespace); err == nil { // else it may not be read
		s.Certificates = newCertificates(end, time.Now())
	}
	if f := s.Forward; f != nil && f.Web != "" {
		f.PageState, f.MQTTState = forwardState(pods, install.RoleReceive), forwardState(pods, install.RoleBroker)
	}
	s.set(stateStarting, nil)
	if pods.Ready {
		s.set(stateRunning, nil)
	}
	ready, _, text := readyRole(pods, install.RoleReceive)
	if off := podsOn(pods, c.StoppedNodes()); len(off) > 0 {
		s.set(stateStarting, fmt.Errorf("%s of its cluster is stopped, with what runs there; hellox up %s starts it", strings.Join(off, ", "), s.Flags()))
	} else if pods.Unfinished != "" {
		s.Cause = pods.Unfinished
	} else if len(pods.Missing) > 0 {
		s.Cause = "not there: " + strings.Join(pods.Missing, ", ") + "; an up or a down is under way, or was cut short"
	} else if !ready {
		s.Cause = output.OneLine("the receiver cannot be asked: " + text)
	}
	return c, ready
}

// podsOn returns those of nodes on which there are pods.
func podsOn(pods install.Status, nodes []string) (on []string) {
	for _, node := range nodes {
		if slices.ContainsFunc(pods.Roles, func(r install.RoleStatus) bool {
			return slices.ContainsFunc(r.Pods, func(p install.PodStatus) bool { return p.Node == node })
		}) {
			on = append(on, node)
		}
	}
	return on
}

// heard returns how many of the broadcasters that were asked for have sent, and neither
// ended nor got lost. Those of before, with higher numbers, may have ended unheard.
func (s installationStatus) heard() (n int) {
	for _, sender := range s.Senders {
		number, ok := strings.CutPrefix(sender.Sender, "broadcast-")
		i, err := strconv.Atoi(number)
		asked := ok && err == nil && i < *s.Broadcasters
		if asked && sender.Ours && !sender.LastSeen.IsZero() && sender.State != stream.Gone && sender.State != stream.Lost {
			n++
		}
	}
	return n
}

// ask asks the receiver whose page is at web.
func (s *installationStatus) ask(ctx context.Context, web string) error {
	client, err := remote.Open(ctx, web)
	if err != nil {
		return err
	}
	defer client.Close()
	stats, err := client.Stats(ctx)
	if err != nil {
		return err
	}
	senders, err := client.Senders(ctx)
	if err != nil {
		return err
	}
	s.Stats, s.Senders = &stats, senders
	return nil
}

// printBroadcasters prints how many broadcasters were asked for, and what of them is
// known: one that is paused may never have been heard.
func (s installationStatus) printBroadcasters(w io.Writer) {
	if s.Broadcasters == nil {
		return
	}
	line := "  " + units.Plural(*s.Broadcasters, "broadcaster") + " asked for"
	if s.Stats != nil {
		line += fmt.Sprintf(", %d heard", s.heard())
		if n := s.Stats.Paused; n > 0 {
			line += fmt.Sprintf(", %d paused and not heard yet", n)
		}
	}
	fmt.Fprintln(w, line)
}

// printPods prints the pods, why one is not ready or not there, and what helps with the
// first of them.
func (s installationStatus) printPods(w io.Writer, table *tabwriter.Writer) {
	if s.Pods == nil {
		return
	}
	hint := ""
	why := func(c *cause.Cause) string {
		if c == nil {
			return ""
		}
		hint = cmp.Or(hint, c.Hint)
		return output.OneLine(c.Text)
	}
	for _, role := range s.Pods.Roles {
		if role.Cause != nil {
			fmt.Fprintf(table, "  %s\tmissing\t%d of %d\t%s\n", role.Role, len(role.Pods), role.Want, why(role.Cause))
		}
		for _, p := range role.Pods {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", p.Name, p.State, units.Plural(p.Restarts, "restart"), why(p.Cause))
		}
	}
	table.Flush()
	if hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", output.OneLine(hint))
	}
}

// maxSendersShown bounds the senders in the text; --output json has them all.
const maxSendersShown = 20

// print writes the status as text, with colours for a terminal that has them.
func (s installationStatus) print(w io.Writer, now time.Time, colours bool) {
	fmt.Fprintf(w, "%s  %s\n", s.Installation, s.State)
	if s.Cause != "" {
		fmt.Fprintf(w, "  %s\n", s.Cause)
	}
	if s.Hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", s.Hint)
	}
	switch f := s.Forward; {
	case f != nil && f.Web != "":
		fmt.Fprintf(w, "  page %s, MQTT %s, held by process %d since %s\n", f.Web, f.MQTT, f.PID, time.Time(f.Since).Local().Format(time.DateTime))
		for _, state := range slices.Compact([]string{f.PageState, f.MQTTState}) {
			if state != "" && state != forwardReady {
				fmt.Fprintf(w, "  forward: %s\n", state)
			}
		}
	case f == nil && s.Pods != nil:
		fmt.Fprintf(w, "  no process holds its forwards\n")
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	s.printPods(w, table)
	s.printBroadcasters(w)
	s.Certificates.print(w, s.Installation, now)
	if s.Pods != nil && s.Pods.Open {
		warning := "open: the broker has no TLS, and any pod reads and writes everything (component plain)"
		if colours {
			warning = "\x1b[31m" + warning + "\x1b[0m"
		}
		fmt.Fprintln(w, "  "+warning)
	}
	if s.Stats != nil {
		fmt.Fprintf(w, "  %s, %s; %s received, %s stored, %s missed\n",
			units.Plural(s.Stats.Senders, "sender"), units.Rate(s.Stats.Rates.Minute),
			units.Count(s.Stats.Received), units.Count(s.Stats.Stored), units.Count(s.Stats.Missed))
		if n := s.Stats.Damaged; n > 0 {
			fmt.Fprintf(w, "  %s damaged on the disk and left out; the receiver's log names their IDs\n", units.Plural(int(n), "message"))
		}
		if s.Stats.Degraded != "" {
			fmt.Fprintf(w, "  degraded: %s\n", output.OneLine(s.Stats.Degraded))
		}
	}
	for i, sender := range s.Senders {
		if i == maxSendersShown {
			fmt.Fprintf(table, "  … and %d more\n", len(s.Senders)-i)
			break
		}
		seen := "only retained"
		if !sender.LastSeen.IsZero() {
			seen = "last seen " + units.Age(now.Sub(sender.LastSeen)) + " ago"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s missed\n", safetext.Topic(sender.Sender), sender.State,
			seen, units.Rate(sender.Rates.Minute), units.Count(sender.Missed))
	}
	table.Flush()
}
