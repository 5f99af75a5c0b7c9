package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// kubeconfigOf returns the files that kubectl would read in r's environment.
func kubeconfigOf(r *run.Runner) *clientcmd.ClientConfigLoadingRules {
	var files []string
	for _, f := range filepath.SplitList(r.Getenv("KUBECONFIG")) {
		if f != "" {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		files = []string{filepath.Join(r.Home(), ".kube", "config")}
	}
	return &clientcmd.ClientConfigLoadingRules{Precedence: files}
}

// LoadKubeconfig returns the user's kubeconfig, merged from all its files. Files that
// do not exist are empty. The error is a *step.Error that names the file.
func LoadKubeconfig(r *run.Runner) (*clientcmdapi.Config, error) {
	rules := kubeconfigOf(r)
	config, err := rules.Load()
	if err == nil {
		return config, nil
	}
	e := &step.Error{Kind: step.Missing, Sentence: "the kubeconfig cannot be read", Err: err, Hint: "kubectl config view"}
	for _, path := range rules.Precedence {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
			e.Sentence, e.Err, e.Hint = "the kubeconfig "+path+" cannot be read", failed.Err, "ls -l "+path
			break
		}
		if _, err := clientcmd.Load(text); err != nil {
			e.Sentence, e.Err, e.Hint = "the kubeconfig "+path+" is damaged", yamlError(err), "kubectl --kubeconfig "+path+" config view"
			break
		}
	}
	return nil, e
}

// yamlError returns the first line of what is wrong with a file: the parser's errors
// go on with what it knows of the format.
func yamlError(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if i := strings.LastIndex(line, "yaml: "); i >= 0 {
		line = line[i+len("yaml: "):]
	}
	return errors.New(line)
}

// Elsewhere returns the address that a context of config leads to, if that is not this
// machine's; "" if it is, or if there is no such context.
func Elsewhere(config *clientcmdapi.Config, context string) string {
	host, port, _, err := Server(config, context)
	if err != nil || IsThisMachine(host) {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// Taken returns the error of creating c where the kubeconfig has a context of its name
// that leads to another machine: the tool would overwrite it. nil if it has none.
func Taken(r *run.Runner, c Candidate) error {
	config, err := LoadKubeconfig(r)
	if err != nil {
		return err
	}
	if at := Elsewhere(config, c.Context); at != "" {
		return &step.Error{
			Kind:     step.Unsafe,
			Sentence: fmt.Sprintf("refused to create %s: the kubeconfig's context %q leads to %s", c, c.Context, at),
			Hint:     fmt.Sprintf("hellox up --target %s --profile another-name", c.Target),
		}
	}
	return nil
}

// KeepContext saves the kubeconfig's current context. restore sets it again,
// whatever another program has set meanwhile. If there was none, restore leaves
// the other program's.
func KeepContext(r *run.Runner) (restore func() error, err error) {
	before, err := LoadKubeconfig(r)
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := LoadKubeconfig(r)
		if err != nil {
			return err
		}
		if before.CurrentContext == "" || now.CurrentContext == before.CurrentContext {
			return nil
		}
		now.CurrentContext = before.CurrentContext
		if err := clientcmd.ModifyConfig(kubeconfigOf(r), *now, false); err != nil {
			return fmt.Errorf("restore the kubeconfig's current context %q: %w", before.CurrentContext, err)
		}
		return nil
	}, nil
}

// RESTConfig returns the client configuration of one of config's contexts.
func RESTConfig(config *clientcmdapi.Config, context string) (*rest.Config, error) {
	c, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", context, err)
	}
	// The cluster is on this machine: a proxy for other hosts would only
	// break the connection.
	c.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c.UserAgent = "hellox"
	return c, nil
}
