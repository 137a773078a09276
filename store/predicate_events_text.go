package store

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

func (f *EventFilter) describe(b *strings.Builder) {
	fmt.Fprintf(b, "%q,%s,%s", f.Types, edgeText(f.From), edgeText(f.Until))
}

// edgeText tells an edge that there is not from every instant.
func edgeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return strconv.FormatInt(audience.Micros(t), 10)
}

func (p CompareCount) describe(b *strings.Builder) {
	b.WriteString("count(")
	p.Events.describe(b)
	fmt.Fprintf(b, ",%d,%d)", p.Op, p.N)
}

func (p CompareSum) describe(b *strings.Builder) {
	describeTotal(b, "sum", &p.Events, p.Props, p.Op, p.Value)
}

func (p CompareAvg) describe(b *strings.Builder) {
	describeTotal(b, "avg", &p.Events, p.Props, p.Op, p.Value)
}

func describeTotal(b *strings.Builder, name string, f *EventFilter, props []audience.PropID, op CompareOp, value float64) {
	b.WriteString(name + "(")
	f.describe(b)
	fmt.Fprintf(b, ",%d,%d,%x)", props, op, math.Float64bits(value))
}

func (p CompareRate) describe(b *strings.Builder) {
	b.WriteString("rate(")
	p.Of.describe(b)
	b.WriteByte('/')
	p.Over.describe(b)
	fmt.Fprintf(b, ",%d,%x)", p.Op, math.Float64bits(p.Value))
}

func (p CompareEdge) describe(b *strings.Builder) {
	b.WriteString("edge(")
	p.Events.describe(b)
	fmt.Fprintf(b, ",%t,%d,%d)", p.Last, p.Op, audience.Micros(p.At))
}
