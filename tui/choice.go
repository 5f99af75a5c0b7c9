package tui

// A choice is a selection in rows of one line each, of which height are on the
// screen from top on.
type choice struct {
	top, selected, height int
	rows                  int // how many there are
}

func (c *choice) move(n int) { c.to(c.selected + n) }

func (c *choice) page(n int) { c.to(c.selected + n*max(c.height-1, 1)) }

func (c *choice) home() { c.to(0) }

func (c *choice) end() { c.to(c.rows - 1) }

// pick selects the row on a line of the screen, if there is one.
func (c *choice) pick(line int) {
	if row := c.top + line; line >= 0 && row < c.rows {
		c.to(row)
	}
}

// to selects a row and moves the screen as far as it must.
func (c *choice) to(row int) {
	c.selected = clamp(row, 0, max(c.rows-1, 0))
	c.top = clamp(c.top, max(c.selected-c.height+1, 0), c.selected)
}

// scroll moves the screen; the selection goes along as far as it must.
func (c *choice) scroll(n int) {
	c.top = clamp(c.top+n, 0, max(c.rows-c.height, 0))
	c.selected = clamp(c.selected, c.top, max(min(c.top+c.height, c.rows)-1, 0))
}

// resize fits the choice to another number of rows or lines.
func (c *choice) resize(rows, height int) {
	c.rows, c.height = rows, height
	c.top = clamp(c.top, 0, max(rows-height, 0))
	c.to(c.selected)
}
