package source

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/changes"
	"hellox/stream/decode"
	"hellox/stream/filter"
)

// A DecodedMsg is what the payload of a message holds.
type DecodedMsg struct {
	ID     int64
	Result decode.Result
}

// Decode decodes the payload of a message, of which m may hold the beginning only.
func Decode(s *Source, m *stream.Message, size int) tea.Cmd {
	return func() tea.Msg {
		all, err := whole(s, m, size)
		if err != nil {
			return DecodedMsg{ID: m.ID} // it is evicted, or the receiver is away: the bytes are here
		}
		return DecodedMsg{m.ID, decode.Decode(all.Topic, all.Payload)}
	}
}

// whole returns m with all of its payload.
func whole(s *Source, m *stream.Message, size int) (*stream.Message, error) {
	if size == len(m.Payload) {
		return m, nil
	}
	all, err := s.store.Message(s.ctx, m.ID)
	if err != nil {
		return nil, fmt.Errorf("read message %d: %w", m.ID, err)
	}
	return &all, nil
}

// series selects the messages of the sender and the topic of m.
func series(m *stream.Message) history.Select {
	return history.Select{Sender: m.Sender, Topics: []string{m.Topic}}
}

// A ChangesMsg is what changed since the message before, of the same sender and topic.
type ChangesMsg struct {
	ID      int64
	Before  *stream.Message // nil: none is stored
	Changes []changes.Change
	Err     error
}

// Changes compares a message with the one before it.
func Changes(s *Source, m *stream.Message, size int) tea.Cmd {
	return func() tea.Msg {
		msg := ChangesMsg{ID: m.ID}
		id, err := first(s.ctx, s.store, history.Query{Before: m.ID, Select: series(m), Limit: 1})
		if err != nil || id == 0 {
			msg.Err = err
			return msg
		}
		before, err := s.store.Message(s.ctx, id)
		if err != nil {
			msg.Err = fmt.Errorf("read message %d: %w", id, err)
			return msg
		}
		now, err := whole(s, m, size)
		if err != nil {
			msg.Err = err
			return msg
		}
		msg.Before, msg.Changes = &before, changes.Between(before.Payload, now.Payload)
		return msg
	}
}

// How many messages a graph is drawn of: as many as their size allows.
const (
	mostNumbers   = 1000
	fewestNumbers = 20
	mostRead      = 8 << 20 // bytes
	maxDigits     = 500     // of a number
)

// A NumbersMsg holds the numbers at a path in the messages of a sender and topic, the
// oldest first.
type NumbersMsg struct {
	ID      int64 // of the message that they were read for
	Path    filter.Path
	Among   int // so many messages were read
	Numbers []Number
	Err     error
}

// A Number is one of a NumbersMsg: the ID and the time of its message, and its source.
type Number struct {
	ID     int64
	At     time.Time
	Source string
}

// Numbers reads the numbers at a path in the newest messages of the sender and topic
// of m.
func Numbers(s *Source, m *stream.Message, size int, path filter.Path) tea.Cmd {
	return func() tea.Msg {
		msg := NumbersMsg{ID: m.ID, Path: path}
		limit := max(fewestNumbers, min(mostNumbers, mostRead/(size+500)))
		var pages []history.Page
		for q := (history.Query{Select: series(m), Limit: limit}); msg.Among < limit; {
			page, err := s.store.Messages(s.ctx, q)
			if err != nil {
				msg.Err = fmt.Errorf("read the history: %w", err)
				return msg
			}
			pages = append(pages, page)
			msg.Among += len(page.Messages)
			if q.Before, q.Limit = page.Next, limit-msg.Among; page.Next == 0 {
				break
			}
		}
		for i := len(pages) - 1; i >= 0; i-- {
			for _, one := range pages[i].Messages {
				if number, ok := filter.NumberAt(one.Payload, path); ok && len(number) <= maxDigits {
					msg.Numbers = append(msg.Numbers, Number{one.ID, one.Received, number})
				}
			}
		}
		return msg
	}
}
