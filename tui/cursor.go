package tui

// A cursor selects one of rows that take one line each. height of them are on
// the screen, from top on.
type cursor struct {
	top, selected, height int
	rows                  int // how many there are
}

func (c *cursor) move(n int) { c.to(c.selected + n) }

func (c *cursor) page(n int) { c.to(c.selected + n*max(c.height-1, 1)) }

func (c *cursor) home() { c.to(0) }

func (c *cursor) end() { c.to(c.rows - 1) }

// pick selects the row on a line of the screen, if there is one.
func (c *cursor) pick(line int) {
	if row := c.top + line; line >= 0 && row < c.rows {
		c.to(row)
	}
}

// to selects a row and scrolls as far as needed to show it.
func (c *cursor) to(row int) {
	c.selected = clamp(row, 0, max(c.rows-1, 0))
	c.top = clamp(c.top, max(c.selected-c.height+1, 0), c.selected)
}

// scroll moves the screen by n rows. The selection moves as far as needed to
// stay on it.
func (c *cursor) scroll(n int) {
	c.top = clamp(c.top+n, 0, max(c.rows-c.height, 0))
	c.selected = clamp(c.selected, c.top, max(min(c.top+c.height, c.rows)-1, 0))
}

// resize sets the numbers of rows and of lines.
func (c *cursor) resize(rows, height int) {
	c.rows, c.height = rows, height
	c.top = clamp(c.top, 0, max(rows-height, 0))
	c.to(c.selected)
}

// visible returns the range of rows on the screen.
func (c *cursor) visible() (from, to int) { return c.top, min(c.top+c.height, c.rows) }

// clamp returns the value between low and high that is nearest to n.
func clamp(n, low, high int) int { return max(low, min(n, high)) }
