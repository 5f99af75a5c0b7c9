package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
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
			ctx := cmd.Context()
			all, err := selected.listAll(ctx, sh)
			if err != nil {
				return err
			}
			if len(all) == 0 && len(selected.others(ctx, sh)) > 0 {
				return selected.none(ctx, sh)
			}
			list := make([]installationStatus, len(all))
			for i, instance := range all {
				list[i] = readStatus(ctx, sh, instance)
			}
			if format == "json" {
				return output.JSON(sh.out, map[string]any{"installations": list})
			}
			if len(list) == 0 {
				fmt.Fprintf(sh.err, "nothing is up%s\nhint: hellox up\n", selected)
				return nil
			}
			var text bytes.Buffer
			for _, s := range list {
				s.print(&text, time.Now())
			}
			if _, err := sh.out.Write(text.Bytes()); err != nil {
				return fmt.Errorf("print the status: %w", err)
			}
			return nil
		},
	}
	f := cmd.Flags()
	selected.add(f)
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// listAll returns the instances recorded on this machine and those found in the
// running clusters, each once.
func (s selection) listAll(ctx context.Context, sh shell) ([]state.Instance, error) {
	all, err := s.all(ctx, sh)
	if err != nil || s.target == targetLocal {
		return all, err
	}
	found, err := installationsInClusters(ctx, sh, s)
	if err != nil {
		return nil, err
	}
	known := make(map[state.Installation]bool)
	for _, instance := range all {
		known[instance.Installation] = true
	}
	for _, i := range found {
		if !known[i] {
			all = append(all, state.Instance{Installation: i})
		}
	}
	return all, nil
}

// An installationStatus is how one installation does.
type installationStatus struct {
	state.Installation
	Running bool            `json:"running"`
	Cause   string          `json:"cause,omitempty"` // why it does not run or could not be asked
	Pods    *install.Status `json:"pods,omitempty"`  // of a cluster
	Forward *forwardStatus  `json:"forward,omitempty"`
	Senders []stream.Sender `json:"senders,omitempty"`
	Stats   *history.Stats  `json:"stats,omitempty"`
}

// A forwardStatus is who holds the forwards, and where they are.
type forwardStatus struct {
	PID      int         `json:"pid"`
	Answers  bool        `json:"answers"` // else it is stopped, busy, or not up yet
	Since    stream.Time `json:"since,omitzero"`
	Detached bool        `json:"detached"`
	Web      string      `json:"web,omitempty"`
	MQTT     string      `json:"mqtt,omitempty"`
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

// readStatus asks the cluster and the receiver. What cannot be asked is told as
// the cause: one installation that is broken must not hide the others.
func readStatus(ctx context.Context, sh shell, instance state.Instance) installationStatus {
	s := installationStatus{Installation: instance.Installation}
	web, end := "", func() {}
	p := instance.Process(ctx)
	s.Forward, s.Running = newForwardStatus(instance, p), p.Running && !p.Removing
	switch {
	case instance.Unreadable != nil:
		s.Cause = output.OneLine(instance.Unreadable.Error())
		if p.Running {
			s.Cause += "; " + describe(p)
		}
	case p.Answers:
		web = instance.Owner.Web
	case p.Running:
		s.Cause = describe(p)
	}
	if instance.Target == targetLocal {
		if !s.Running && s.Cause == "" {
			s.Cause = "no process runs it; its history remains"
		}
		if !p.Answers {
			return s
		}
	} else {
		cluster, err := connectCluster(ctx, sh, instance.Installation)
		if err != nil {
			s.Cause = output.OneLine(err.Error())
			return s
		}
		pods, err := install.ReadStatus(ctx, cluster.REST, instance.Namespace)
		if err != nil {
			s.Cause = output.OneLine(err.Error())
			return s
		}
		s.Pods, s.Running = &pods, pods.Ready
		if web == "" {
			a, err := openEndpoints(ctx, sh, instance.Installation)
			if err != nil {
				s.Cause = output.OneLine(err.Error())
				return s
			}
			web, end = a.web, a.close
		}
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.ask(ctx, web); err != nil {
		s.Cause = output.OneLine(err.Error())
	}
	return s
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

// maxSendersShown bounds the senders in the text; --output json has them all.
const maxSendersShown = 20

func (s installationStatus) print(w io.Writer, now time.Time) {
	running := "running"
	if !s.Running {
		running = "not running"
	}
	fmt.Fprintf(w, "%s  %s\n", s.Installation, running)
	if s.Cause != "" {
		fmt.Fprintf(w, "  %s\n", s.Cause)
	}
	switch f := s.Forward; {
	case f != nil && f.Web != "":
		fmt.Fprintf(w, "  page %s, MQTT %s, held by process %d since %s\n", f.Web, f.MQTT, f.PID, time.Time(f.Since).Local().Format(time.DateTime))
	case f == nil && s.Pods != nil:
		fmt.Fprintf(w, "  no process holds its forwards\n")
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if s.Pods != nil {
		for _, role := range s.Pods.Roles {
			for _, p := range role.Pods {
				cause := ""
				if p.Cause != nil {
					cause = p.Cause.Text
				}
				fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", p.Name, p.State, units.Plural(p.Restarts, "restart"), output.OneLine(cause))
			}
		}
		table.Flush()
	}
	if s.Stats != nil {
		fmt.Fprintf(w, "  %s, %s; %s received, %s stored, %s missed\n",
			units.Plural(s.Stats.Senders, "sender"), units.Rate(s.Stats.Rates.Minute),
			units.Count(s.Stats.Received), units.Count(s.Stats.Stored), units.Count(s.Stats.Missed))
		if s.Stats.Degraded != "" {
			fmt.Fprintf(w, "  degraded: %s\n", output.OneLine(s.Stats.Degraded))
		}
	}
	for i, sender := range s.Senders {
		if i == maxSendersShown {
			fmt.Fprintf(table, "  … and %d more\n", len(s.Senders)-i)
			break
		}
		seen := "never seen"
		if !sender.LastSeen.IsZero() {
			seen = "last seen " + units.Age(now.Sub(sender.LastSeen)) + " ago"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s missed\n", output.OneLine(sender.Sender), sender.State,
			seen, units.Rate(sender.Rates.Minute), units.Count(sender.Missed))
	}
	table.Flush()
}
