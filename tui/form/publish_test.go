package form

import (
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

func typed(f Publish, text string) Publish {
	f, _ = f.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text)})
	return f
}

func pressed(f Publish, keys ...tea.KeyType) Publish {
	for _, k := range keys {
		f, _ = f.Update(tea.KeyMsg{Type: k})
	}
	return f
}

// What was published comes back with its topic, and what is typed meanwhile is not
// lost. What was not acknowledged is not there.
func TestPublishHistory(t *testing.T) {
	f := NewPublish("t/1", nil)
	f = pressed(typed(f, "one"), tea.KeyEnter).Acknowledged()
	f = pressed(typed(f, "lost"), tea.KeyEnter) // no answer
	f = pressed(f, tea.KeyCtrlU)
	f = NewPublish("t/2", f.Sent())
	f = pressed(typed(f, "two"), tea.KeyEnter).Acknowledged()
	f = pressed(typed(f, "two"), tea.KeyEnter).Acknowledged() // again: held once
	if sent := f.Sent(); len(sent) != 2 || sent[0].Topic != "t/1" || sent[1].Text != "two" {
		t.Fatalf("%+v", sent)
	}
	f = typed(f, "draft")
	f = pressed(f, tea.KeyCtrlP)
	if m := f.typed(); m.Text != "two" || m.Topic != "t/2" {
		t.Errorf("%+v", m)
	}
	f = pressed(f, tea.KeyCtrlP, tea.KeyCtrlP, tea.KeyCtrlP)
	if m := f.typed(); m.Text != "one" || m.Topic != "t/1" {
		t.Errorf("%+v", m)
	}
	f = pressed(f, tea.KeyCtrlN, tea.KeyCtrlN, tea.KeyCtrlN)
	if m := f.typed(); m.Text != "draft" || m.Topic != "t/2" {
		t.Errorf("%+v", m)
	}
	for range 2 * maxSent {
		f = pressed(typed(f, "x"), tea.KeyEnter)
		f = f.Acknowledged()
		f = pressed(typed(f, "y"), tea.KeyEnter).Acknowledged()
	}
	if n := len(f.Sent()); n != maxSent {
		t.Errorf("%d messages are held", n)
	}
}

// A text that looks like JSON is checked while it is typed.
func TestPublishChecksJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":             "",
		"Hello {":      "",
		`{"a": 1}`:     "✓ JSON",
		`[1, 2]`:       "✓ JSON",
		`{"ä": 1,}`:    "✗ not JSON from column 9 on: it is published as it is",
		`{"a": tru e}`: "✗ not JSON from column 10 on: it is published as it is",
		`{"a": [1`:     "✗ not JSON: it ends too early",
	} {
		if got := typed(NewPublish("t", nil), text).Hint(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
