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
			if format == "json" {
				return json.NewEncoder(sh.out).Encode(v)
			}
			_, err := fmt.Fprintln(sh.out, v)
			return err
		},
	}
	outputFlag(cmd.Flags(), &format, "`text|json`")
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

// String returns v as hellox version and hellox --version print it.
func (v version) String() string {
	return fmt.Sprintf("hellox %s (%s, %s/%s)", v.Version, v.Go, v.OS, v.Arch)
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
