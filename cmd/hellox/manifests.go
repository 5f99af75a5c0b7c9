package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hellox/cmd/hellox/args"
	"hellox/manifests"
)

// overlayError makes a folder that is not there, or an image that is not run, an
// error of the command line.
func overlayError(err error) error {
	wrong := (*manifests.FolderError)(nil)
	switch {
	case errors.As(err, &wrong) && wrong.Absent:
		return usage("--kustomize: "+wrong.Sentence, wrong.Hint())
	case errors.As(err, &wrong) && wrong.Unused:
		return usage(wrong.Sentence, wrong.Hint())
	}
	return err
}

func newManifests(sh shell) *cobra.Command {
	var (
		o     manifests.Options
		n     int
		eject string
	)
	cmd := &cobra.Command{
		Use:   "manifests",
		Short: "Print the manifests that up applies, or write an overlay to change them",
		Example: `  hellox manifests | kubectl diff -f -
  hellox manifests --eject my-hellox && hellox up --kustomize my-hellox`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if eject != "" {
				if err := manifests.Eject(eject); err != nil {
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
	args.Number(f, &n, "broadcasters", "", 1, 0, maxLocal, "run `N` broadcasters")
	return cmd
}
