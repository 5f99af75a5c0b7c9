package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// A Client reads and writes the objects of one cluster through its API server.
// It uses client-go's dynamic client, because the typed one costs every command
// most of its start-up.
type Client struct {
	// Config is what the client was made of, with hellox as its user agent.
	Config *rest.Config
	// REST is for what is not an object: discovery, logs, port-forwards.
	REST *rest.RESTClient

	// Commands words the hints about this cluster.
	Commands Commands

	objects dynamic.Interface
	mu      sync.Mutex
	kinds   map[schema.GroupVersion]*kindsOf
}

// kindsOf are the kinds of one group and version, once they were asked for. Several
// groups may be asked for at once.
type kindsOf struct {
	mu    sync.Mutex
	known []metav1.APIResource // nil: not asked yet
}

// New returns a client of the API server that reach names.
func New(reach Config) (*Client, error) {
	config := rest.CopyConfig(reach.Config)
	// client-go's default of five requests a second is for controllers that
	// share a busy server.
	config.QPS, config.RateLimiter = -1, nil
	config.UserAgent = "hellox"
	// The default handler of warnings would write to the terminal.
	config.WarningHandlerWithContext = rest.NoWarnings{}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("reach the API server at %s: %w", config.Host, err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("reach the API server at %s: %w", config.Host, err)
	}
	raw, err := rawClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("reach the API server at %s: %w", config.Host, err)
	}
	return &Client{
		Config: config, REST: raw, Commands: reach.Commands, objects: objects,
		kinds: map[schema.GroupVersion]*kindsOf{},
	}, nil
}

// rawClient is for what is not an object: discovery, logs.
func rawClient(config *rest.Config, client *http.Client) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config = rest.CopyConfig(config)
	config.APIPath = "/"
	config.GroupVersion = &schema.GroupVersion{}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.UnversionedRESTClientForConfigAndClient(config, client)
}

// All returns the resource in every namespace, or of the cluster.
func (c *Client) All(r schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return c.objects.Resource(r)
}

// ErrUnknownKind is the error of a kind that the cluster does not know, or no longer:
// its definition was removed, and every object of it.
var ErrUnknownKind = errors.New("this cluster does not know it")

// ResourceOf returns where objects of that kind are read and written. The error of
// a kind that the cluster does not know is ErrUnknownKind.
func (c *Client) ResourceOf(ctx context.Context, r Ref) (dynamic.ResourceInterface, error) {
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("read apiVersion of %s: %w", r, err)
	}
	kinds, err := c.Resources(ctx, gv)
	if err != nil && !apierrors.IsNotFound(err) { // not found: the cluster lacks the whole group
		return nil, err
	}
	for _, k := range kinds {
		if k.Kind != r.Kind || strings.Contains(k.Name, "/") {
			continue
		}
		resource := c.objects.Resource(gv.WithResource(k.Name))
		if k.Namespaced {
			return resource.Namespace(r.Namespace), nil
		}
		return resource, nil
	}
	return nil, fmt.Errorf("find kind %s of %s: %w", r.Kind, r.APIVersion, ErrUnknownKind)
}

// Resources returns what the cluster has in one group and version. (client-go's
// discovery package would link every typed API.)
func (c *Client) Resources(ctx context.Context, gv schema.GroupVersion) ([]metav1.APIResource, error) {
	c.mu.Lock()
	kinds := c.kinds[gv]
	if kinds == nil {
		kinds = &kindsOf{}
		c.kinds[gv] = kinds
	}
	c.mu.Unlock()
	kinds.mu.Lock()
	defer kinds.mu.Unlock()
	if kinds.known != nil {
		return kinds.known, nil
	}
	path := "/apis/" + gv.String()
	if gv.Group == "" {
		path = "/api/" + gv.Version
	}
	var list metav1.APIResourceList
	if err := c.GetJSON(ctx, path, &list); err != nil {
		return nil, fmt.Errorf("ask the cluster for the kinds of %s: %w", gv, err)
	}
	kinds.known = list.APIResources
	return kinds.known, nil
}

// GetJSON decodes what the API server has at path into v.
func (c *Client) GetJSON(ctx context.Context, path string, v any) error {
	body, err := c.REST.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

// Get returns an object, nil if there is none, and the resource to change it
// with.
func (c *Client) Get(ctx context.Context, r Ref) (dynamic.ResourceInterface, *unstructured.Unstructured, error) {
	resource, err := c.ResourceOf(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	u, err := resource.Get(ctx, r.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return resource, nil, nil
	}
	return resource, u, err
}
