package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"hellox/manifests"
)

// fieldManager is who owns, in server-side apply, the fields that hellox sets.
const fieldManager = "hellox"

// roleLabel names, on every object of a role, that role.
const roleLabel = "app.kubernetes.io/component"

// The resources that are used by name. Any other is looked up by its kind.
var (
	namespaces   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	configMaps   = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	pods         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	events       = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	claims       = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	leases       = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

// A site is where one installation stands: a namespace of a cluster, reached
// through its API server. It uses client-go's dynamic client, because the typed
// one costs every command most of its start-up.
type site struct {
	namespace string
	config    *rest.Config
	objects   dynamic.Interface
	raw       *rest.RESTClient

	mu    sync.Mutex
	kinds map[schema.GroupVersion][]metav1.APIResource
}

// quiet keeps client-go from logging: what goes wrong is returned or tried
// again, and a terminal is no place for its log.
func quiet(ctx context.Context) context.Context {
	return klog.NewContext(ctx, klog.Logger{})
}

func newSite(config *rest.Config, namespace string) (*site, error) {
	config = rest.CopyConfig(config)
	// client-go's default of five requests a second is meant for
	// controllers that share a busy server.
	config.QPS, config.RateLimiter = -1, nil
	config.UserAgent = "hellox"
	// What the server warns of is in the answers that matter; the default
	// handler would write to the terminal.
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
	return &site{
		namespace: namespace, config: config, objects: objects, raw: raw,
		kinds: map[schema.GroupVersion][]metav1.APIResource{},
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

// in returns the resource within the site's namespace.
func (s *site) in(r schema.GroupVersionResource) dynamic.ResourceInterface {
	return s.objects.Resource(r).Namespace(s.namespace)
}

// marked selects what belongs to this installation.
func (s *site) marked() string {
	return manifests.InstallationLabel + "=" + s.namespace
}

// belongs tells whether u is part of this installation.
func (s *site) belongs(u *unstructured.Unstructured) bool {
	return u.GetLabels()[manifests.InstallationLabel] == s.namespace
}

// resourceOf returns where objects of that kind are read and written.
func (s *site) resourceOf(ctx context.Context, r ref) (dynamic.ResourceInterface, error) {
	gv, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("read apiVersion of %s: %w", r, err)
	}
	kinds, err := s.resources(ctx, gv)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.Kind != r.Kind || strings.Contains(k.Name, "/") {
			continue
		}
		resource := s.objects.Resource(gv.WithResource(k.Name))
		if k.Namespaced {
			return resource.Namespace(r.Namespace), nil
		}
		return resource, nil
	}
	return nil, fmt.Errorf("this cluster knows no kind %s in %s", r.Kind, r.APIVersion)
}

// resources returns what the cluster has in one group and version. (client-go's
// discovery package would bring in every typed API.)
func (s *site) resources(ctx context.Context, gv schema.GroupVersion) ([]metav1.APIResource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.kinds[gv]; ok {
		return known, nil
	}
	path := "/apis/" + gv.String()
	if gv.Group == "" {
		path = "/api/" + gv.Version
	}
	var list metav1.APIResourceList
	if err := s.getJSON(ctx, path, &list); err != nil {
		return nil, fmt.Errorf("ask the cluster for the kinds of %s: %w", gv, err)
	}
	s.kinds[gv] = list.APIResources
	return list.APIResources, nil
}

// getJSON decodes what the API server has at path into v.
func (s *site) getJSON(ctx context.Context, path string, v any) error {
	body, err := s.raw.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
