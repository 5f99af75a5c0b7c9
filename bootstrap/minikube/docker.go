package minikube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/engine"
	"hellox/bootstrap/image"
	"hellox/bootstrap/step"
)

// dockerImages is the cluster.NodeImages of one node whose runtime is docker,
// through Docker's API.
type dockerImages struct{ docker engine.Docker }

// newDockerImages takes the daemon's address (tcp://HOST:PORT) and the folder
// of its client's certificates. The address must be one that only this
// machine's own nodes have.
func newDockerImages(host, certPath string) (*dockerImages, error) {
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "tcp" || u.Port() == "" {
		return nil, fmt.Errorf("%q is no address of a Docker daemon with TLS", host)
	}
	if !cluster.IsPrivate(u.Hostname()) && !cluster.IsLoopback(u.Hostname()) {
		return nil, &step.Error{Kind: step.Unsafe, Sentence: fmt.Sprintf("refused to connect to a Docker daemon that is not on this machine: %s", u.Host)}
	}
	ca, err := os.ReadFile(filepath.Join(certPath, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(certPath, "ca.pem"))
	}
	cert, err := tls.LoadX509KeyPair(filepath.Join(certPath, "cert.pem"), filepath.Join(certPath, "key.pem"))
	if err != nil {
		return nil, err
	}
	return &dockerImages{engine.Docker{
		Base: "https://" + u.Host,
		Client: &http.Client{Transport: &http.Transport{
			// No proxy: the daemon is on this machine.
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			TLSClientConfig:     &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		}},
	}}, nil
}

// API implements cluster.DockerAPI.
func (d *dockerImages) API() (client *http.Client, base string) {
	return d.docker.Client, d.docker.Base
}

// id returns the daemon's ID, which it keeps as long as its data.
func (d *dockerImages) id(ctx context.Context) (string, error) {
	var info struct{ ID string }
	if err := d.docker.Do(ctx, http.MethodGet, "/info", &info); err != nil {
		return "", err
	}
	if info.ID == "" {
		return "", errors.New("its answer has no ID")
	}
	return info.ID, nil
}

// Has implements cluster.NodeImages.
func (d *dockerImages) Has(ctx context.Context, _ string, img image.Identity) (bool, error) {
	var answer struct {
		ID     string `json:"Id"`
		RootFS struct{ Layers []string }
	}
	err := d.docker.Do(ctx, http.MethodGet, "/images/"+img.Name+"/json", &answer)
	if status := (*engine.DockerError)(nil); errors.As(err, &status) && status.Code == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return img.Is(answer.ID, answer.RootFS.Layers), nil
}

// Load implements cluster.NodeImages. Docker answers 200 before it has read the
// archive, and reports the result in the answer's body.
func (d *dockerImages) Load(ctx context.Context, _ string, _ image.Identity, archive io.Reader) (confirmed bool, err error) {
	answer, err := d.docker.Send(ctx, "/images/load?quiet=1", archive)
	if err != nil {
		return false, err
	}
	defer answer.Close()
	return false, loadResult(answer)
}

// loadResult reads the stream of objects in Docker's answer to a load. It returns
// an error if one of them is an error, or if none reports a loaded image.
func loadResult(r io.Reader) error {
	loaded := false
	for dec := json.NewDecoder(r); ; {
		var line struct {
			Stream string
			Error  string
		}
		switch err := dec.Decode(&line); {
		case err == io.EOF && loaded:
			return nil
		case err == io.EOF:
			return errors.New("it does not report a loaded image")
		case err != nil:
			return fmt.Errorf("read Docker's answer: %w", err)
		case line.Error != "":
			return errors.New(line.Error)
		}
		loaded = loaded || strings.HasPrefix(line.Stream, "Loaded image")
	}
}

// Compressed implements cluster.NodeImages: through a bridge of this machine it is
// not worth the time.
func (d *dockerImages) Compressed() bool { return false }

// List implements cluster.NodeImages.
func (d *dockerImages) List(ctx context.Context, _, repository string) ([]string, error) {
	filters, err := json.Marshal(map[string][]string{"reference": {repository}})
	if err != nil {
		return nil, err
	}
	var images []struct{ RepoTags []string }
	if err := d.docker.Do(ctx, http.MethodGet, "/images/json?filters="+url.QueryEscape(string(filters)), &images); err != nil {
		return nil, err
	}
	var names []string
	for _, image := range images {
		for _, name := range image.RepoTags {
			if strings.HasPrefix(name, repository+":") {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Remove implements cluster.NodeImages.
func (d *dockerImages) Remove(ctx context.Context, _, name string) error {
	return d.docker.Do(ctx, http.MethodDelete, "/images/"+name, nil)
}
