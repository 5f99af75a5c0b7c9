package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/trust"
	"hellox/cmd/hellox/args"
	"hellox/manifests"
)

// overlayError makes a folder that is not there, or an image that is not run, an
// error of the command line, and an open broker one of safety.
func overlayError(err error) error {
	wrong := (*manifests.FolderError)(nil)
	switch {
	case errors.As(err, &wrong) && wrong.Absent:
		return usage("--kustomize: "+wrong.Sentence, wrong.Hint())
	case errors.As(err, &wrong) && wrong.Unused:
		return usage(wrong.Sentence, wrong.Hint())
	case errors.As(err, &wrong) && wrong.Open:
		return &failure{wrong, exitUnsafe, wrong.Hint()}
	}
	return err
}

// tokenKeys returns the keys by which the only running cluster of the selection signs
// the tokens of its pods, as the object that the broker reads them from.
func tokenKeys(ctx context.Context, sh shell, s selection) (*unstructured.Unstructured, error) {
	running, unanswered, err := runningClusters(ctx, sh, s)
	switch {
	case err != nil:
		return nil, err
	case len(running) == 0 && len(unanswered) > 0:
		return nil, unanswered[0]
	case len(running) == 0:
		return nil, missing(errors.New("find the keys: no local cluster runs"), "kubectl --context NAME get --raw /openid/v1/jwks shows those of another one")
	case len(running) > 1:
		var names []string
		for _, found := range running {
			names = append(names, fmt.Sprintf("--target %s --profile %s", found.Target, args.Quote(found.Profile)))
		}
		return nil, usage("there are several clusters: "+strings.Join(names, ", "), "hellox manifests --jwks "+names[0])
	}
	c, err := running[0].Connect(ctx)
	if err != nil {
		return nil, err
	}
	client, err := kube.New(c.REST)
	if err != nil {
		return nil, err
	}
	return trust.Keys(kube.WithoutKlog(ctx), client, s.namespace)
}

// clusterSizeFlag adds the flag of how many nodes the broker has; 0 is as there are.
func clusterSizeFlag(f *pflag.FlagSet, n *int) {
	args.NumberOf(f, n, "cluster-size", "`1|3`: of how many nodes the broker is; of 3 one may be lost (default: as it is, else 1)", manifests.OneNode, manifests.SeveralNodes)
}

func newManifests(sh shell) *cobra.Command {
	var (
		o     manifests.Options
		n     int
		eject string
		jwks  bool
		of    selection // the cluster of --jwks
	)
	cmd := &cobra.Command{
		Use:   "manifests",
		Short: "Print the manifests that up applies, or write an overlay to change them",
		Example: `  hellox manifests | kubectl diff -f -
  hellox manifests --eject my-hellox && hellox up --kustomize my-hellox
  hellox manifests --jwks | kubectl apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if eject != "" {
				if err := manifests.Eject(eject, o.ClusterSize); err != nil {
					return err
				}
				fmt.Fprintf(sh.err, "written: %s with kustomization.yaml, base and components; now: hellox up --kustomize %s\n", eject, args.Quote(eject))
				return nil
			}
			if args.Set(cmd.Flags(), "broadcasters") {
				o.Broadcasters = &n
			}
			objects, err := manifests.Render(o)
			if err != nil {
				return overlayError(err)
			}
			if jwks {
				of.namespace = o.Namespace
				keys, err := tokenKeys(cmd.Context(), sh, of)
				if err != nil {
					return err
				}
				objects = []*unstructured.Unstructured{keys}
			}
			text, err := manifests.YAML(objects)
			if err != nil {
				return err
			}
			_, err = sh.out.Write(text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&eject, "eject", "", "write the base and an overlay of it to `FOLDER`")
	args.String(f, &o.Namespace, "namespace", "hellox", "`NAMESPACE` of the installation", checkNamespace)
	f.StringVar(&o.Image, "image", "", "image `REF` to use instead of the base's")
	f.StringVar(&o.Overlay, "kustomize", "", "`FOLDER` with an overlay, or with manifests of your own, to render")
	f.BoolVar(&jwks, "jwks", false, "print only the ConfigMap with the keys of the cluster's tokens, for an installation without up")
	args.String(f, &of.target, "target", "", "the cluster of --jwks: `minikube|kind` (default: the only one that runs)", args.OneOf("minikube", "kind"))
	f.StringVar(&of.profile, "profile", "", "the minikube profile or kind cluster `NAME` of --jwks")
	args.Number(f, &n, "broadcasters", "", 1, 0, maxLocal, "run `N` broadcasters")
	clusterSizeFlag(f, &o.ClusterSize)
	return cmd
}
