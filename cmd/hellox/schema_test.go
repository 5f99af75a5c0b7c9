package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"hellox/cmd/hellox/output"
)

// schema reads a JSON schema of docs. What draft 2020-12 says beside the schemas of
// OpenAPI is only its name.
func schema(t *testing.T, name string) *openapi3.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	delete(plain, "$schema")
	if text, err = json.Marshal(plain); err != nil {
		t.Fatal(err)
	}
	s := new(openapi3.Schema)
	if err := s.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return s
}

// An upEvent is a line of --output json.
type upEvent struct {
	output.Event
	Web string `json:"web"`
}

// readEvents holds each line to the schema, and returns them.
func readEvents(t *testing.T, lines string) []upEvent {
	t.Helper()
	s := schema(t, "events.schema.json")
	var all []upEvent
	for line := range strings.Lines(lines) {
		var plain any
		var e upEvent
		if err := json.Unmarshal([]byte(line), &plain); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if err := s.VisitJSON(plain); err != nil {
			t.Errorf("docs/events.schema.json: %v", err)
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// states are those of the events, each once, in the order of their first one.
func states(all []upEvent) (states []output.State) {
	for _, e := range all {
		if !slices.Contains(states, e.State) {
			states = append(states, e.State)
		}
	}
	return states
}
