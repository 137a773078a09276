// Package nearest finds the name that a misspelt one most likely means.
package nearest

// longest is how long names are that another one is looked for.
const longest = 64

// Of gives the candidate that a misspelt name most likely means, or "";
// of equally near ones the first by name.
func Of(name string, candidates []string) string {
	if name == "" || len(name) > longest {
		return ""
	}
	best, most := "", min(3, (len(name)+2)/3)
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		d := distance(name, c, most)
		if d > most || d >= max(len(name), len(c)) || d == most && best != "" && c >= best {
			continue
		}
		best, most = c, d
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b, by bytes, without regard to ASCII case. Both
// are at most longest long. Of more than most it gives some number above
// most.
func distance(a, b string, most int) int {
	for a != "" && b != "" && lower(a[0]) == lower(b[0]) {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && lower(a[len(a)-1]) == lower(b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if apart := max(len(a), len(b)) - min(len(a), len(b)); apart > most {
		return apart
	}
	var rows [3][longest + 1]int
	two, one, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		// What lies further from the diagonal than most costs more than most.
		from, to := max(1, i-most), min(len(b), i+most)
		row[from-1] = i
		if from > 1 {
			row[from-1] = most + 1
		}
		if to < len(b) {
			row[to+1] = most + 1
		}
		least := row[from-1]
		for j := from; j <= to; j++ {
			row[j] = step(a[:i], b[:j], min(one[j]+1, row[j-1]+1), one[j-1], two[max(j-2, 0)])
			least = min(least, row[j])
		}
		if least > most {
			return least
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}

// step gives the distance of a and b, which are not empty, from those without
// their last bytes.
func step(a, b string, shorter, replaced, swapped int) int {
	x, y := lower(a[len(a)-1]), lower(b[len(b)-1])
	if x != y {
		replaced++
	}
	if len(a) > 1 && len(b) > 1 && x == lower(b[len(b)-2]) && y == lower(a[len(a)-2]) {
		replaced = min(replaced, swapped+1)
	}
	return min(shorter, replaced)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
