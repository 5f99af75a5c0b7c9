package detail

import (
	"time"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// Lines renders m in lines of at most w cells. size is the number of bytes of
// the whole payload, of which m may hold the beginning only. m may be nil.
func Lines(t *theme.Theme, m *stream.Message, size int, view View, w int, zone *time.Location) []string {
	if m == nil {
		return []string{t.Grey.Apply(cells.Cut(" no message", w))}
	}
	const nameW = 10
	lines := []string{t.Bold.Apply(cells.Cut(" #"+units.Count(uint64(m.ID)), w))}
	for _, p := range properties(m, zone) {
		lines = append(lines, " "+t.Grey.Apply(cells.Left(p.name, nameW))+cells.Clean(p.value, w-nameW-2))
	}
	shownAs, body := payload(m.Payload, size > len(m.Payload), view, w-2)
	if size > len(m.Payload) {
		shownAs += ", the first " + units.Bytes(int64(len(m.Payload)))
	}
	lines = append(lines, "", t.Grey.Apply(cells.Cut(" payload   "+units.Bytes(int64(size))+"  "+shownAs, w)))
	for _, l := range body {
		lines = append(lines, " "+l)
	}
	return lines
}
