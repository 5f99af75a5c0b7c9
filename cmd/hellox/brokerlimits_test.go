package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"hellox/broker"
)

// TestBrokerLimits holds the table of docs/broker.md against the flags of hellox broker,
// their defaults, and its metrics: each limit has a flag or is fixed, has a metric, and
// stands in the table.
func TestBrokerLimits(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "broker.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	command := newBroker(shell{in: strings.NewReader("")})
	metrics, flags := brokerMetrics(t), map[string]bool{}
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 5 {
			t.Errorf("%q has %d cells", line, len(cells))
			continue
		}
		limit, value, flag, names := cells[0], cells[1], cells[2], quoted.FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 {
			t.Errorf("%s: it has no metric", limit)
		}
		for _, name := range names {
			if known, _, _ := strings.Cut(name[1], "{"); !metrics["hellox_broker_"+known] {
				t.Errorf("%s: there is no metric hellox_broker_%s", limit, known)
			}
		}
		if strings.HasPrefix(flag, "fixed") {
			continue
		}
		name := strings.Trim(flag, "`-")
		f := command.Flags().Lookup(name)
		if f == nil {
			t.Errorf("%s: there is no flag %s", limit, flag)
			continue
		}
		flags[name] = true
		if number := strings.ReplaceAll(value, ",", ""); f.DefValue != "" && f.DefValue != "0" && !strings.HasPrefix(limit, "…") && !strings.HasPrefix(number, f.DefValue) {
			t.Errorf("%s: %s is by default %s, not %s", limit, flag, f.DefValue, value)
		}
	}
	limits := pflag.NewFlagSet("limits", pflag.ContinueOnError)
	addLimits(limits, &broker.Limits{})
	limits.VisitAll(func(f *pflag.Flag) {
		if !flags[f.Name] {
			t.Errorf("--%s does not stand in docs/broker.md", f.Name)
		}
	})
	if len(flags) < 20 {
		t.Errorf("the table has %d flags: it was not read", len(flags))
	}
}

// TestStoreLimitFlag has the flag take what the broker takes, and nothing less.
func TestStoreLimitFlag(t *testing.T) {
	for _, limit := range []string{"3MiB", "1MiB", "0", "much"} {
		if _, err := parseStoreLimit(limit); err == nil || !strings.Contains(err.Error(), "--store-limit takes 4MiB or more") {
			t.Errorf("%s: %v", limit, err)
		}
	}
	if def := newBroker(shell{}).Flags().Lookup("store-limit").DefValue; def != "" {
		t.Errorf("by default it is %s, whether there is a store or not", def)
	}
	for limit, want := range map[string]int64{"4MiB": 4 << 20, "": 0} {
		bytes, err := parseStoreLimit(limit)
		if err != nil || bytes != want {
			t.Errorf("%q: %d, %v", limit, bytes, err)
		}
		serveOnce(t, broker.Options{StoreLimit: bytes})
	}
}

// brokerMetrics returns the names of a broker's metrics.
func brokerMetrics(t *testing.T) map[string]bool {
	t.Helper()
	names := &nameRegisterer{names: map[string]bool{}}
	serveOnce(t, broker.Options{Metrics: names})
	return names.names
}

// serveOnce has a broker begin and end.
func serveOnce(t *testing.T, o broker.Options) {
	t.Helper()
	b, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := b.Serve(ctx); err != nil { // closes its store
		t.Fatal(err)
	}
}

// A nameRegisterer notes the names of what is registered.
type nameRegisterer struct {
	prometheus.Registerer
	names map[string]bool
}

// Register notes the names of c.
func (r *nameRegisterer) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		if m := name.FindStringSubmatch(d.String()); m != nil {
			r.names[m[1]] = true
		}
	}
	return nil
}
