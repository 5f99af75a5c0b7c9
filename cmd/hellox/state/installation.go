package state

import (
	"fmt"
	"strings"
)

// Installation identifies one installation by target, profile and namespace.
type Installation struct {
	Target    string `json:"target"` // minikube, kind or local
	Profile   string `json:"profile,omitempty"`
	Namespace string `json:"namespace"`
}

// String returns the name that people see: "kind-hellox · hellox".
func (i Installation) String() string {
	if i.Profile == "" {
		return i.Target + " · " + i.Namespace
	}
	return i.Target + "-" + i.Profile + " · " + i.Namespace
}

// Flags returns the words that select i on a command line.
func (i Installation) Flags() string {
	if i.Profile == "" {
		return fmt.Sprintf("--target %s --namespace %s", i.Target, i.Namespace)
	}
	return fmt.Sprintf("--target %s --profile %s --namespace %s", i.Target, i.Profile, i.Namespace)
}

// folder returns the name of i's directory below the state root. Profile and
// namespace are DNS labels, so neither contains a dot.
func (i Installation) folder() string {
	return strings.Join([]string{i.Target, i.Profile, i.Namespace}, ".")
}

// parseFolder returns the installation whose directory has that name.
func parseFolder(name string) (Installation, bool) {
	words := strings.Split(name, ".")
	if len(words) != 3 || words[0] == "" || words[2] == "" {
		return Installation{}, false
	}
	return Installation{Target: words[0], Profile: words[1], Namespace: words[2]}, true
}
