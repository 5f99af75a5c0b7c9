package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(sh shell) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			switch format {
			case "json":
				return json.NewEncoder(sh.out).Encode(v)
			case "text":
				_, err := fmt.Fprintf(sh.out, "hellox %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
				return err
			}
			return usage(fmt.Sprintf("--output takes text or json, not %q", format), "hellox version --output json")
		},
	}
	cmd.Flags().StringVar(&format, "output", "text", "`text|json`")
	return cmd
}

// version describes a build.
type version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisVersion returns the build information of this binary.
func thisVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
