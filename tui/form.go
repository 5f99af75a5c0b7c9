package tui

import "hellox/tui/cells"

// form paints what is typed into above the foot.
func (m model) form() []string {
	switch {
	case m.mode == modePublish:
		return m.publish.view(m.style, m.layout.w)
	case m.mode == modeTell:
		return m.tell.view(m.style, m.layout.w)
	case m.mode == modeFilter && m.layout.bare:
		return []string{m.filter.view(m.style, m.layout.w), m.filter.advice(m.style, m.layout.w)}
	case m.layout.bare && m.alert() != "":
		return []string{m.alert()}
	}
	return nil
}

// advice is what the line above the keys says about what is typed; "" if
// nothing is.
func (m model) advice() string {
	s, w := m.style, m.layout.w
	fail := func(err error) string { return s.Red.Apply(cells.Left(" ✗ "+cells.Clean(err.Error(), w), w)) }
	switch {
	case m.mode == modeFilter:
		return m.filter.advice(s, w)
	case m.mode == modePublish && m.publish.err != nil:
		return fail(m.publish.err)
	case m.mode == modeTell && m.tell.err != nil:
		return fail(m.tell.err)
	case m.mode == modeTell && m.notice.text == "":
		return s.Grey.Apply(cells.Left(" say TEXT · pause · resume · interval MIN MAX · identify", w))
	}
	return ""
}

// typing tells whether letters go into a line instead of being keys.
func (m model) typing() bool {
	return m.mode == modeFilter || m.mode == modePublish || m.mode == modeTell
}
