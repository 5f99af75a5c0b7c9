package timeline

// Spark draws bars as eighths of a line's height, one cell each. An empty one is
// a low line.
func Spark(bars []uint32) []rune {
	most := uint32(1)
	for _, n := range bars {
		most = max(most, n)
	}
	eighths := []rune("▁▂▃▄▅▆▇█")
	line := make([]rune, len(bars))
	for i, n := range bars {
		switch {
		case n == 0:
			line[i] = '_'
		default:
			line[i] = eighths[int(uint64(n)*7/uint64(most))]
		}
	}
	return line
}
