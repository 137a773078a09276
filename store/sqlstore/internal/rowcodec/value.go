package rowcodec

import (
	"encoding/binary"
	"math"

	"github.com/audiencekit/audiencekit/audience"
)

// A value is the number of its type, 0 when it is absent, and its content.

func (e *encoder) value(v audience.Value) {
	t := v.Type()
	e.byte(byte(t))
	switch t {
	case audience.TypeString:
		s, _ := v.Str()
		e.text(s)
	case audience.TypeInt:
		n, _ := v.Int()
		e.int(n)
	case audience.TypeDouble:
		f, _ := v.Double()
		e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(f))
	case audience.TypeBool:
		b, _ := v.Bool()
		e.bool(b)
	case audience.TypeTimestamp:
		at, _ := v.Timestamp()
		e.int(audience.Micros(at))
	case audience.TypeDate:
		day, _ := v.Date()
		e.int(int64(day))
	case audience.TypeStringList:
		list, _ := v.StringList()
		e.count(len(list), list == nil)
		for _, s := range list {
			e.text(s)
		}
	}
}

func (d *decoder) value() audience.Value {
	switch audience.Type(d.byte()) {
	case 0:
		return audience.Value{}
	case audience.TypeString:
		return audience.StringValue(d.text())
	case audience.TypeInt:
		return audience.IntValue(d.int())
	case audience.TypeDouble:
		return d.double()
	case audience.TypeBool:
		return audience.BoolValue(d.bool())
	case audience.TypeTimestamp:
		return audience.TimestampValue(audience.FromMicros(d.int()))
	case audience.TypeDate:
		return d.date()
	case audience.TypeStringList:
		return d.list()
	default:
		d.fail()
		return audience.Value{}
	}
}

func (d *decoder) double() audience.Value {
	b := d.bytes(8)
	if len(b) != 8 {
		return audience.Value{}
	}
	return audience.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(b)))
}

func (d *decoder) date() audience.Value {
	day := d.int()
	if day < math.MinInt32 || day > math.MaxInt32 {
		d.fail()
		return audience.Value{}
	}
	return audience.DateValue(audience.Date(day))
}

func (d *decoder) list() audience.Value {
	n := d.count(1)
	list := items[string](n)
	for range n {
		list = append(list, d.text())
		if !d.ok() {
			return audience.Value{}
		}
	}
	return audience.StringListValue(list...)
}
