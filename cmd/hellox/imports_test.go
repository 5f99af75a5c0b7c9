package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// edges lists the imports between hellox's own packages, one a line: the picture
// in the README, in full. An import that is not listed fails TestImports, and so
// does a line that no import needs. cmd/hellox may import every package.
const edges = `
stream: the vocabulary; stream/safetext imports none of the others
stream -> stream/safetext
stream/jsonview -> stream/safetext
stream/decode -> stream
stream/decode -> stream/jsonview
stream/filter -> stream
stream/filter -> stream/safetext
stream/changes -> stream/filter
stream/changes -> stream/jsonview
stream/changes -> stream/safetext
stream/stats -> stream
stream/track -> stream
stream/broadcast -> stream
stream/broadcast -> stream/mqtt
stream/broadcast -> stream/safetext
stream/mqtt -> smallfile
stream/mqtt -> stream
stream/mqtt -> stream/clienturi
stream/mqtt -> stream/safetext
stream/streamtest -> stream

history -> stream
history -> stream/filter
history -> stream/stats
history/live -> history
history/live -> stream
history/live -> stream/stats
history/live -> stream/track
history/sqlite -> sqlitefile
history/sqlite -> history
history/sqlite -> history/live
history/sqlite -> stream
history/sqlite -> stream/filter
history/sqlite -> stream/stats
history/sqlite -> stream/track
history/memory -> history
history/memory -> history/live
history/memory -> stream
history/memory -> stream/track
history/jetstream -> history
history/jetstream -> history/live
history/jetstream -> stream
history/jetstream -> stream/stats
history/jetstream -> stream/subject
history/jetstream -> stream/track
history/carry -> history
history/carry -> history/jetstream
history/carry -> history/sqlite
history/carry -> stream
history/carry -> stream/track
history/pipe -> history
history/pipe -> stream
history/pipe -> stream/track
history/file -> history
history/file -> history/live
history/file -> stream
history/file -> stream/track
history/remote -> history
history/remote -> stream
history/historytest -> history
history/historytest -> stream
history/historytest -> stream/filter

broker -> broker/journal
broker -> broker/retained
broker -> broker/rights
broker -> broker/share
broker -> broker/sharing
broker -> broker/wire
broker -> stream
broker/brokertest -> stream/streamtest
broker/journal -> sqlitefile
broker/retained -> broker/journal
broker/rights -> broker/share
broker/rights -> smallfile
broker/rights -> stream
broker/rights -> stream/clienturi
broker/nats -> broker/rights
broker/nats -> stream
broker/nats -> stream/subject
broker/sharing -> broker/journal
broker/sharing -> broker/share
broker/token -> broker/rights
broker/wire -> stream

manifests: text, imports none of the others
bootstrap -> bootstrap/build
bootstrap -> bootstrap/cluster
bootstrap -> bootstrap/image
bootstrap -> bootstrap/install
bootstrap -> bootstrap/kind
bootstrap -> bootstrap/kube
bootstrap -> bootstrap/minikube
bootstrap -> bootstrap/run
bootstrap -> bootstrap/step
bootstrap -> bootstrap/trust
bootstrap -> manifests
bootstrap/bootstraptest -> bootstrap/image
bootstrap/bootstraptest -> bootstrap/run
bootstrap/bootstraptest -> bootstrap/run/runtest
bootstrap/build -> bootstrap/engine
bootstrap/build -> bootstrap/image
bootstrap/build -> bootstrap/run
bootstrap/build -> bootstrap/step
bootstrap/cluster -> bootstrap/image
bootstrap/cluster -> bootstrap/kube
bootstrap/cluster -> bootstrap/run
bootstrap/cluster -> bootstrap/step
bootstrap/engine -> bootstrap/cluster
bootstrap/engine -> bootstrap/run
bootstrap/engine -> bootstrap/step
bootstrap/install -> bootstrap/install/cause
bootstrap/install -> bootstrap/install/drift
bootstrap/install/cause -> bootstrap/kube
bootstrap/install -> bootstrap/kube
bootstrap/install -> bootstrap/step
bootstrap/install -> manifests
bootstrap/kind -> bootstrap/cluster
bootstrap/kind -> bootstrap/engine
bootstrap/kind -> bootstrap/run
bootstrap/kind -> bootstrap/step
bootstrap/minikube -> bootstrap/cluster
bootstrap/minikube -> bootstrap/engine
bootstrap/minikube -> bootstrap/image
bootstrap/minikube -> bootstrap/run
bootstrap/minikube -> bootstrap/step
bootstrap/minikube -> smallfile
bootstrap/doctor -> bootstrap/cluster
bootstrap/doctor -> bootstrap/image
bootstrap/doctor -> bootstrap/portforward
bootstrap/doctor -> bootstrap/run
bootstrap/doctor -> bootstrap/step
bootstrap/image -> bootstrap/run
bootstrap/image -> bootstrap/step
bootstrap/trust -> bootstrap/authority
bootstrap/trust -> bootstrap/kube
bootstrap/trust -> bootstrap/portforward
bootstrap/trust -> manifests
bootstrap/portforward -> bootstrap/kube
bootstrap/portforward -> bootstrap/peer
bootstrap/portforward -> bootstrap/step
bootstrap/run -> bootstrap/step

web -> history
web -> history/remote
web -> stream
web -> stream/decode
web -> web/export
web -> web/firstlist
web -> web/login
web -> web/origin
web -> web/pods
web/export -> history
web/export -> stream
web/firstlist -> history
web/firstlist -> stream
web/firstlist -> stream/jsonview
web/firstlist -> stream/safetext
web/pods -> stream
web -> web/timeline
web -> stream/filter
web -> stream/safetext
web/timeline -> history
web/timeline -> stream
web/timeline -> stream/filter
web/timeline -> stream/stats
web -> web/senderlist
web -> web/standby
web/senderlist -> history
web/senderlist -> stream

tui -> history
tui -> history/file
tui -> stream
tui -> stream/filter
tui -> stream/jsonview
tui -> stream/safetext
tui -> tui/bgcolor
tui -> tui/cells
tui -> tui/detail
tui -> tui/form
tui -> tui/source
tui -> tui/theme
tui -> tui/timeline
tui -> tui/topictree
tui -> tui/units
tui -> tui/wholeframe
tui/cells -> stream/safetext
tui/detail -> stream
tui/detail -> stream/changes
tui/detail -> stream/decode
tui/detail -> stream/filter
tui/detail -> stream/jsonview
tui/detail -> stream/safetext
tui/detail -> tui/cells
tui/detail -> tui/theme
tui/detail -> tui/units
tui/form -> stream
tui/form -> stream/filter
tui/form -> stream/safetext
tui/form -> tui/cells
tui/form -> tui/theme
tui/form -> tui/units
tui/lines -> history
tui/lines -> stream
tui/lines -> stream/jsonview
tui/lines -> stream/safetext
tui/lines -> tui/bgcolor
tui/lines -> tui/cells
tui/lines -> tui/theme
tui/lines -> tui/units
tui/source -> history
tui/source -> history/file
tui/source -> stream
tui/source -> stream/changes
tui/source -> stream/decode
tui/source -> stream/filter
tui/source -> tui/units
tui/theme -> stream
tui/theme -> tui/cells
tui/theme -> tui/timeline
tui/topictree -> stream
tui/topictree -> tui/timeline
tui/tuitest -> history
tui/tuitest -> stream
tui/units -> stream

cmd/hellox/access -> broker/rights
cmd/hellox/access -> broker/token
cmd/hellox/access -> smallfile
cmd/hellox/certs -> smallfile
cmd/hellox/health -> history
cmd/hellox/state -> bootstrap/peer
cmd/hellox/state -> smallfile
cmd/hellox/rounds -> bootstrap
cmd/hellox/rounds -> bootstrap/install
cmd/hellox/rounds -> bootstrap/sources
cmd/hellox/rounds -> bootstrap/step
cmd/hellox/rounds -> cmd/hellox/output
cmd/hellox/rounds -> history
cmd/hellox/rounds -> history/remote
cmd/hellox/rounds -> stream
cmd/hellox/output -> stream/safetext
cmd/hellox/ops -> cmd/hellox/args
cmd/hellox/ops -> cmd/hellox/output
cmd/hellox/ops -> smallfile
cmd/hellox/ops -> stream/safetext
cmd/hellox/connections -> cmd/hellox/config
cmd/hellox/connections -> smallfile
cmd/hellox/connections -> stream
cmd/hellox/connections -> stream/mqtt
cmd/hellox/filters -> cmd/hellox/config
cmd/hellox/filters -> smallfile
cmd/hellox/filters -> stream/filter
cmd/hellox/complete -> cmd/hellox/state
cmd/hellox/complete -> history
cmd/hellox/complete -> stream
`

// foreign lists what only some packages may depend on, whether they import it
// themselves or through a module: path prefixes, and the folders that may.
var foreign = []struct {
	prefixes, folders []string
	why               string
}{
	{[]string{"k8s.io/", "sigs.k8s.io/"}, []string{"bootstrap", "manifests", "cmd/hellox"}, "only bootstrap and manifests know Kubernetes"},
	{[]string{"github.com/eclipse/paho"}, []string{"stream/mqtt"}, "only stream/mqtt speaks MQTT as a client"},
	{[]string{"github.com/mochi-mqtt/"}, []string{"broker"}, "only broker speaks MQTT as a server"},
	{[]string{"github.com/charmbracelet/"}, []string{"tui", "cmd/hellox"}, "only tui knows terminals"},
	{[]string{"modernc.org/sqlite"}, []string{"history", "broker", "sqlitefile"}, "only they store"},
	{[]string{"k8s.io/client-go/kubernetes"}, nil, "most of a start-up's time and memory"},
	{[]string{"github.com/docker/docker"}, nil, "a Docker client for two requests"},
	{[]string{"github.com/chromedp/", "github.com/getkin/", "github.com/rogpeppe/"}, nil, "it is for tests"},
}

// TestImports holds the directions of imports: between hellox's packages those
// of edges, test helpers (packages named …test) from tests alone, and foreign
// modules as foreign lists them.
func TestImports(t *testing.T) {
	imports := importGraph(t)
	wanted := make(map[string]bool)
	for line := range strings.Lines(edges) {
		if from, to, ok := strings.Cut(strings.TrimSpace(line), " -> "); ok {
			wanted[from+" -> "+to] = true
		}
	}
	for from, all := range imports {
		from, ours := strings.CutPrefix(from, "hellox/")
		if !ours {
			continue
		}
		for _, to := range all {
			to, ours := strings.CutPrefix(to, "hellox/")
			edge := from + " -> " + to
			switch {
			case !ours:
			case isTestHelper(to) && !isTestHelper(from):
				t.Errorf("%s: the package %s is for tests", edge, to)
			case from == "cmd/hellox":
			case !wanted[edge]:
				t.Errorf("%s is not among the edges: turn the import around, or add it there", edge)
			default:
				wanted[edge] = false
			}
		}
	}
	for edge, unused := range wanted {
		if unused {
			t.Errorf("%s is among the edges, but there is no such import: remove the line", edge)
		}
	}
	for _, rule := range foreign {
		for from := range imports {
			if !strings.HasPrefix(from, "hellox/") || within(from, rule.folders) {
				continue
			}
			for _, prefix := range rule.prefixes {
				if way := wayTo(imports, from, prefix, rule.folders); way != nil {
					t.Errorf("%s: %s", strings.Join(way, " -> "), rule.why)
				}
			}
		}
	}
}

// importGraph returns what each package of hellox and each of their
// dependencies imports, tests left out.
func importGraph(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports", "hellox/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	graph := make(map[string][]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return graph
		}
		if err != nil {
			t.Fatal(err)
		}
		graph[p.ImportPath] = p.Imports
	}
}

// isTestHelper reports whether a package is a helper of tests, as net/http/httptest is.
func isTestHelper(folder string) bool { return strings.HasSuffix(path.Base(folder), "test") }

// within reports whether a package of hellox lies in one of the folders.
func within(pkg string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return pkg == "hellox/"+folder || strings.HasPrefix(pkg, "hellox/"+folder+"/")
	})
}

// wayTo returns a chain of imports from a package to one with the prefix, or nil.
// It does not lead through the folders that may depend on it.
func wayTo(imports map[string][]string, from, prefix string, folders []string) []string {
	seen := make(map[string]bool)
	var walk func(pkg string) []string
	walk = func(pkg string) []string {
		if strings.HasPrefix(pkg, prefix) {
			return []string{pkg}
		}
		if seen[pkg] || within(pkg, folders) {
			return nil
		}
		seen[pkg] = true
		for _, to := range imports[pkg] {
			if way := walk(to); way != nil {
				return append([]string{pkg}, way...)
			}
		}
		return nil
	}
	return walk(from)
}
