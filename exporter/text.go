package exporter

import (
	"io"
	"strconv"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

// output collects what is written and hands it on in large pieces.
type output struct {
	w io.Writer
	b []byte
}

const outputSize = 32 << 10

// spill writes when there is enough.
func (o *output) spill() error {
	if len(o.b) < outputSize {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	_, err := o.w.Write(o.b)
	o.b = o.b[:0]
	return err
}

// appendText appends what Reveal gives.
func appendText(b []byte, v audience.Value) []byte {
	switch v.Type() {
	case audience.TypeInt:
		n, _ := v.Int()
		return strconv.AppendInt(b, n, 10)
	case audience.TypeDouble:
		f, _ := v.Double()
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case audience.TypeTimestamp:
		at, _ := v.Timestamp()
		return at.AppendFormat(b, time.RFC3339Nano)
	default:
		return append(b, v.Reveal()...)
	}
}
