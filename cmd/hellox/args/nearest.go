package args

import (
	"strings"

	"github.com/spf13/pflag"
)

// Nearest returns the name of the flag that was meant by one that there is not, or
// "" if none is near.
func Nearest(flags *pflag.FlagSet, name string) string {
	near, least := "", 3
	flags.VisitAll(func(f *pflag.Flag) {
		if name == "" || f.Hidden {
			return
		}
		most := 2
		if min(len(name), len(f.Name)) <= 4 {
			most = 1
		}
		d := typos(name, f.Name)
		if len(name) >= 3 && strings.HasPrefix(f.Name, name) {
			d = min(d, most)
		}
		if d <= most && d < least {
			near, least = f.Name, d
		}
	})
	return near
}

// typos returns how many characters must be added, removed, replaced or exchanged
// with the next to make b of a.
func typos(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
