package firstlist

import (
	"bytes"
	"fmt"
	"html/template"
	"time"
	"unicode/utf8"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/jsonview"
	"hellox/stream/safetext"
)

const maxText = 200 // characters of a payload

var list = template.Must(template.New("").Parse(`<div class="first"><table><caption class="visually-hidden">the newest messages</caption>
<thead><tr><th scope="col">time (UTC)</th><th scope="col">sender</th><th scope="col">topic</th><th scope="col">text</th><th scope="col">Δ</th><th scope="col">latency</th></tr></thead>
<tbody>{{range .}}
<tr><td>{{.Time}}</td><td><bdi>{{.Sender}}</bdi></td><td><bdi>{{.Topic}}</bdi></td><td><bdi>{{.Text}}</bdi></td><td>{{.Delta}}</td><td>{{.Latency}}</td></tr>{{end}}
</tbody></table></div>`))

var note = template.Must(template.New("").Parse(`<div class="first"><noscript><p>{{.}}</p></noscript></div>`))

var trouble = template.Must(template.New("").Parse(`<strong>{{.}}</strong><br>`))

// A row is one message in the list.
type row struct{ Time, Sender, Topic, Text, Delta, Latency string }

func newRow(m *stream.Message) row {
	r := row{
		Time: m.Received.UTC().Format("15:04:05.000"), Sender: safetext.Topic(m.Sender), Topic: safetext.Topic(m.Topic), Delta: seconds(m.Delta),
	}
	switch {
	case m.Ours:
		r.Text, r.Latency = safetext.Clean(m.Text), seconds(m.Latency)
	case !utf8.Valid(m.Payload):
		r.Text = fmt.Sprintf("not text: % x", m.Payload[:min(len(m.Payload), 24)])
	default:
		r.Text = jsonview.Line(string(m.Payload[:min(len(m.Payload), 4*maxText)]))
	}
	if all := []rune(r.Text); len(all) > maxText {
		r.Text = string(all[:maxText]) + "…"
	}
	return r
}

// seconds writes a duration; none is an empty cell.
func seconds(d time.Duration) string {
	if d == stream.None {
		return ""
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// HTML returns the list of messages, safe to stand in the page.
func HTML(messages []stream.Message) ([]byte, error) {
	rows := make([]row, len(messages))
	for i := range messages {
		rows[i] = newRow(&messages[i])
	}
	var b bytes.Buffer
	if err := list.Execute(&b, rows); err != nil {
		return nil, fmt.Errorf("write the first rows: %w", err)
	}
	return b.Bytes(), nil
}

// Note returns what stands in the place of the list for browsers without scripts, safe
// to stand in the page.
func Note(words string) ([]byte, error) {
	var b bytes.Buffer
	if err := note.Execute(&b, safetext.Clean(words)); err != nil {
		return nil, fmt.Errorf("write the note: %w", err)
	}
	return b.Bytes(), nil
}

// Trouble returns what the totals say of new messages that do not come, safe to stand in
// the page, or nothing if they come.
func Trouble(s history.Stats) ([]byte, error) {
	var words string
	switch {
	case s.Degraded != "":
		words = "Degraded: " + s.Degraded + " Broadcasters keep what is not acknowledged and send it again."
	case s.Link.State == stream.Retrying || s.Link.State == stream.Ended:
		words = "The receiver is without the broker since " + s.Link.Since.UTC().Format("15:04:05") + " UTC: " + s.Link.Cause
	default:
		return nil, nil
	}
	var b bytes.Buffer
	if err := trouble.Execute(&b, safetext.Clean(words)); err != nil {
		return nil, fmt.Errorf("write the trouble: %w", err)
	}
	return b.Bytes(), nil
}
