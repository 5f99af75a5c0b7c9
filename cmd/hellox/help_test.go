package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestHelp holds every command's help, word by word: flags, defaults and texts
// change on purpose only.
func TestHelp(t *testing.T) {
	var got bytes.Buffer
	for _, args := range commandLines(newRoot(shell{env: os.LookupEnv}), nil) {
		args = append(args, "--help")
		sh := shell{in: new(bytes.Buffer), out: &got, err: &got, env: func(string) (string, bool) { return "", false }}
		got.WriteString("$ hellox")
		for _, a := range args {
			got.WriteString(" " + a)
		}
		got.WriteString("\n")
		if code := run(context.Background(), args, sh); code != exitDone {
			t.Errorf("hellox %v: exit code %d", args, code)
		}
		got.WriteString("\n")
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the help differs from %s (go test ./cmd/hellox -run TestHelp -update writes it anew):\n%s", golden, diff)
	}
}

// commandLines returns the words that lead to each command, parents first.
func commandLines(cmd *cobra.Command, words []string) [][]string {
	all := [][]string{words}
	for _, sub := range cmd.Commands() {
		all = append(all, commandLines(sub, append(words[:len(words):len(words)], sub.Name()))...)
	}
	return all
}
