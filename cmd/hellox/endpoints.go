package main

import (
	"context"
	"fmt"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/history/remote"
)

// targetLocal is the target without a cluster: everything in one process.
const targetLocal = string(cluster.Local)

// endpoints are the addresses of an installation's page and broker.
type endpoints struct {
	state.Installation
	web   string // URL of the page and its API
	mqtt  string // URL of the broker
	own   bool   // the forwards belong to this command, and end with close
	close func()

	cluster *cluster.Cluster // nil if the forwards are not own
}

// connect finds the selected installation and returns its endpoints: the forwards
// that an up holds, or new ones.
func (s selection) connect(ctx context.Context, sh shell) (endpoints, error) {
	instance, err := s.selectOne(ctx, sh)
	if err != nil {
		return endpoints{}, err
	}
	if instance.Alive(ctx) {
		return endpoints{Installation: instance.Installation, web: instance.Owner.Web, mqtt: instance.Owner.MQTT, close: func() {}}, nil
	}
	return openEndpoints(ctx, sh, instance.Installation)
}

// openEndpoints opens forwards that last as long as this command.
func openEndpoints(ctx context.Context, sh shell, i state.Installation) (endpoints, error) {
	c, err := connectCluster(ctx, sh, i)
	if err != nil {
		return endpoints{}, err
	}
	return endpointsIn(ctx, c, i)
}

// endpointsIn opens forwards to an installation in c.
func endpointsIn(ctx context.Context, c *cluster.Cluster, i state.Installation) (endpoints, error) {
	local, err := listenPorts(ctx, portforward.Port{}, portforward.Port{})
	if err != nil {
		return endpoints{}, fmt.Errorf("forward %s: %w", i, err)
	}
	f, err := openForwards(c, i.Namespace, local)
	if err != nil {
		return endpoints{}, fmt.Errorf("forward %s: %w", i, err)
	}
	return endpoints{i, f.pageURL(), f.brokerURL(), true, f.close, c}, nil
}

// How long a receiver behind a forward may take to answer before its cluster is asked
// what is wrong, how often that is asked, and how long a role may take to become ready.
const (
	forwardAnswers = time.Second
	readyInterval  = 300 * time.Millisecond
	readyTimeout   = time.Minute
)

// ready returns once the role behind the forwards is ready, or why it is not there: a
// forward accepts connections whatever is behind it, and nothing can be. A role that
// is starting is waited for, which it says.
func (a endpoints) ready(ctx context.Context, sh shell, role string) error {
	if a.Target == targetLocal || !a.own && a.answers(ctx) {
		return nil
	}
	c := a.cluster
	if c == nil {
		var err error
		if c, err = connectCluster(ctx, sh, a.Installation); err != nil {
			return err
		}
	}
	told := ""
	for end := time.Now().Add(readyTimeout); ; {
		pods, err := install.ReadStatus(ctx, c.REST, a.Namespace)
		if step.Is(err, step.Missing) {
			return missing(fmt.Errorf("find the stream: nothing is up in %s", a.Installation), "hellox up "+a.Flags())
		}
		if err != nil {
			return fmt.Errorf("find the stream: %w", err)
		}
		ready, failing, text := readyRole(pods, role)
		switch {
		case ready:
			return nil
		case failing:
			return missing(fmt.Errorf("find the stream: %s: %s", a.Installation, text), "hellox logs "+role+" "+a.Flags())
		case time.Now().After(end):
			return missing(fmt.Errorf("find the stream: %s: after %s %s", a.Installation, readyTimeout, text), "hellox status "+a.Flags())
		case text != told:
			fmt.Fprintf(sh.err, " • waiting: %s\n", output.OneLine(text))
			told = text
		}
		if err := kube.Pause(ctx, readyInterval); err != nil {
			return err
		}
	}
}

// answers reports whether the receiver behind the forwards answers.
func (a endpoints) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, forwardAnswers)
	defer cancel()
	client, err := remote.Open(ctx, a.web)
	if err != nil {
		return false
	}
	_ = client.Close()
	return true
}

// readyRole reports whether a pod of the role is ready, else whether one fails, and how
// the role is.
func readyRole(pods install.Status, role string) (ready, failing bool, text string) {
	text = role + " has no pod yet"
	for _, r := range pods.Roles {
		if r.Role != role {
			continue
		}
		for _, p := range r.Pods {
			if p.State == "ready" {
				return true, false, ""
			}
			text, failing = fmt.Sprintf("pod %s is %s", p.Name, p.State), failing || p.State == "failing"
			if p.Cause != nil {
				text += ": " + p.Cause.Text
			}
		}
	}
	return false, failing, text
}
