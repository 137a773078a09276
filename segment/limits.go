package segment

// Limits bounds what an expression may be and may cost. Zero and negative
// members mean the default. Exceeding one is an error, never an answer.
//
// Depth counts parentheses, calls and lists within each other, and also every
// link of a chain: of 1 + 1 + ..., of calls on calls such as
// events("a").within("1d").within("2d"), and of a ? b : c ? d : e. Chains of
// && and of || do not count. All of the default Steps take a second or a few;
// a call for one contact cannot be interrupted.
type Limits struct {
	SourceBytes int // bytes of the source; default 65,536
	Depth       int // how deep it nests; default 64
	Nodes       int // operators, calls, names and constants together; default 5,000
	ListItems   int // elements of one list that is written out; default 1,000
	Streams     int // times events(...) is written; default 100
	RegexBytes  int // bytes of one regular expression; default 1,000
	Steps       int // steps of evaluating it for one contact; default 10,000,000
	TextBytes   int // bytes of text that + and its like make while evaluating it for one contact; default 16,777,216
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, def int) {
		if *p <= 0 {
			*p = def
		}
	}
	set(&l.SourceBytes, 65_536)
	set(&l.Depth, 64)
	set(&l.Nodes, 5_000)
	set(&l.ListItems, 1_000)
	set(&l.Streams, 100)
	set(&l.RegexBytes, 1_000)
	set(&l.Steps, 10_000_000)
	set(&l.TextBytes, 16<<20)
	return l
}
