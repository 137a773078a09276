package rowcodec_test

import (
	"testing"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/sqlstore/internal/rowcodec"
)

// usual is a contact as a shop has it: five fields, two tags, written twice.
func usual() audience.Contact {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	imported := &audience.Provenance{Source: audience.Source{Kind: audience.SourceImport, Name: "import 7"}, At: at}
	later := &audience.Provenance{Source: audience.Source{Kind: audience.SourceConnection, Name: "shop"}, At: at.Add(30 * 24 * time.Hour)}
	return audience.Contact{
		ID: 123_456, Version: 3,
		Addresses: []audience.Address{audience.MustAddress("Jane.Doe@example.com")},
		External:  []audience.ExternalID{audience.External(audience.HostSystem, "u123456")},
		FirstName: audience.NewPrivate("Jane"), LastName: audience.NewPrivate("Doe"), Phone: audience.NewPrivate("+41440000000"),
		Tags: []audience.Tag{{Name: "b2b", Origin: imported}, {Name: "vip", Origin: later}},
		Fields: []audience.FieldValue{
			{ID: 1, Value: audience.StringValue("CH"), Origin: imported},
			{ID: 2, Value: audience.IntValue(42), Origin: imported},
			{ID: 3, Value: audience.DoubleValue(199.95), Origin: later},
			{ID: 4, Value: audience.BoolValue(true), Origin: imported},
			{ID: 5, Value: audience.StringListValue("news", "offers"), Origin: later},
		},
		CreatedAt: at, UpdatedAt: later.At,
	}
}

func purchase() audience.Event {
	return audience.Event{
		Contact: 123_456, Origin: 123_456, ID: "order-98765", Type: "purchase", Time: time.Date(2026, 5, 3, 8, 30, 0, 0, time.UTC),
		Props: []audience.EventProp{
			{ID: 1, Value: audience.DoubleValue(49.9)},
			{ID: 2, Value: audience.StringValue("CHF")},
			{ID: 3, Value: audience.StringValue("98765")},
			{ID: 4, Value: audience.IntValue(3)},
		},
	}
}

func usualChanges() map[string][]store.Change {
	c, e := usual(), purchase()
	source := audience.Source{Kind: audience.SourceConnection, Name: "shop"}
	return map[string][]store.Change{
		"contact": {{Kind: store.ChangeContact, Contact: c.ID, After: &c, Source: source}},
		"event":   {{Kind: store.ChangeEvent, Contact: c.ID, Event: &e, Source: source}},
	}
}

func BenchmarkContact(b *testing.B) {
	c := usual()
	blob := rowcodec.AppendContact(nil, &c)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 1024)
		for b.Loop() {
			buf = rowcodec.AppendContact(buf[:0], &c)
		}
		b.ReportMetric(float64(len(blob)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rowcodec.Contact(blob, c.ID, c.Version); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("attributes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = rowcodec.Attributes(&c)
		}
		b.ReportMetric(float64(len(rowcodec.Attributes(&c))), "bytes")
	})
}

func BenchmarkEvent(b *testing.B) {
	e := purchase()
	blob := rowcodec.AppendProps(nil, e.Props)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 1024)
		for b.Loop() {
			buf = rowcodec.AppendProps(buf[:0], e.Props)
		}
		b.ReportMetric(float64(len(blob)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rowcodec.Props(blob); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("amount", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, known, _ := rowcodec.Amount(&e); !known {
				b.Fatal("not known")
			}
		}
	})
}

func BenchmarkChange(b *testing.B) {
	for name, changes := range usualChanges() {
		blob := rowcodec.AppendChanges(nil, changes)
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 1024)
			for b.Loop() {
				buf = rowcodec.AppendChanges(buf[:0], changes)
			}
			b.ReportMetric(float64(len(blob)), "bytes")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rowcodec.Changes(blob); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
