package segment_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/segment"
)

// An expression is compiled once and evaluated for any number of contacts.
func ExampleLanguage_Compile() {
	language, err := segment.NewLanguage(audience.Schema{
		Fields: []audience.Field{{ID: 1, Name: "city", Type: audience.TypeString}},
	}, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	expression, err := language.Compile(`contact.city == "Berlin" && contact.created_at < ago("6mo")`)
	if err != nil {
		fmt.Println(err)
		return
	}
	moment := expression.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	member, err := moment.Match(&audience.Profile{Contact: audience.Contact{
		ID: 7, CreatedAt: time.Date(2025, 8, 31, 0, 0, 0, 0, time.UTC),
		Fields: []audience.FieldValue{{ID: 1, Value: audience.StringValue("Berlin")}},
	}})
	fmt.Println(member, err)
	// Output: true <nil>
}

// Errors say where, and what was most likely meant.
func ExampleCompileError() {
	language, err := segment.NewLanguage(audience.Schema{}, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = language.Compile(`contact.status == "subscribed"
  && events("purchase").sum("vale") > 100`)
	if bad, ok := errors.AsType[*segment.CompileError](err); ok {
		fmt.Println(bad.Line, bad.Column, bad.Rule)
	}
	fmt.Println(err)
	// Output:
	// 2 29 unknown-property
	// 2:29: the events "purchase" have no property "vale" (did you mean "value"?)
}

// What is absent is unknown, and unknown is not false.
func ExampleMoment_Truth() {
	language, err := segment.NewLanguage(audience.Schema{
		Fields: []audience.Field{{ID: 1, Name: "age", Type: audience.TypeInt}},
	}, segment.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, source := range []string{`!(contact.age >= 30)`, `!has(contact.age) || contact.age < 30`} {
		expression, err := language.Compile(source)
		if err != nil {
			fmt.Println(err)
			return
		}
		moment := expression.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		truth, err := moment.Truth(&audience.Profile{Contact: audience.Contact{ID: 7}})
		fmt.Println(truth, err)
	}
	// Output:
	// unknown <nil>
	// true <nil>
}

// A host adds pure functions of its own.
func ExampleFunction() {
	digits := segment.Function{
		Name: "digits", Args: []audience.Type{audience.TypeString}, Result: audience.TypeInt,
		Call: func(args []audience.Value) (audience.Value, error) {
			s, _ := args[0].Str()
			n := 0
			for _, r := range s {
				if r >= '0' && r <= '9' {
					n++
				}
			}
			return audience.IntValue(int64(n)), nil
		},
	}
	language, err := segment.NewLanguage(audience.Schema{}, segment.Options{Functions: []segment.Function{digits}})
	if err != nil {
		fmt.Println(err)
		return
	}
	expression, err := language.Compile(`digits(contact.phone) >= 7`)
	if err != nil {
		fmt.Println(err)
		return
	}
	moment := expression.At(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	fmt.Println(moment.Match(&audience.Profile{Contact: audience.Contact{ID: 7, Phone: audience.NewPrivate("555-01 23")}}))
	// Output: true <nil>
}
