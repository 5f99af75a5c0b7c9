package kube

import "k8s.io/client-go/rest"

// A Config is how a cluster is reached: by this process with REST, and by a person
// who types a command.
type Config struct {
	*rest.Config
	Commands Commands
}

// Commands words the commands of hints. A person types them in a shell whose current
// context may be another cluster, so that each names the cluster that it is for.
type Commands struct {
	Context   string // in the user's kubeconfig; "": the current one
	Target    string // of hellox, such as kind; "" if it is not known
	Profile   string
	Namespace string // of the installation
}

// In returns c for the installation in namespace.
func (c Commands) In(namespace string) Commands {
	c.Namespace = namespace
	return c
}

// Cluster returns the kubectl command for an object of the whole cluster.
func (c Commands) Cluster(words string) string {
	return "kubectl" + flag("context", c.Context) + " " + words
}

// Namespaced returns the kubectl command for an object in the installation's namespace.
func (c Commands) Namespaced(words string) string {
	return "kubectl" + flag("context", c.Context) + flag("namespace", c.Namespace) + " " + words
}

// Hellox returns the hellox command for the installation, such as `logs broker`.
func (c Commands) Hellox(words string) string {
	return "hellox " + words + flag("target", c.Target) + flag("profile", c.Profile) + flag("namespace", c.Namespace)
}

// flag returns the words that set a flag, or "" if value is empty.
func flag(name, value string) string {
	if value == "" {
		return ""
	}
	return " --" + name + " " + value
}
