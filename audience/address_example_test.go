package audience_test

import (
	"errors"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
)

func ExampleParseAddress() {
	a, err := audience.ParseAddress(" Jane.Doe@Straße.de ")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a) // what a log would show
	fmt.Println(a.Reveal())
	fmt.Println(a.Canonical())

	_, err = audience.ParseAddress("jane..doe@example.com")
	fmt.Println(err)
	fmt.Println(errors.Is(err, audience.ErrInvalid))
	// Output:
	// j***@***.de
	// Jane.Doe@Straße.de
	// jane.doe@xn--strae-oqa.de
	// email: local-dots: single dots within the part before the @, none at its ends
	// true
}

func ExamplePrivate() {
	contact := struct{ name, phone audience.Private }{audience.NewPrivate("Jane"), audience.Private{}}

	fmt.Println(contact.name)
	fmt.Printf("%q\n", []audience.Private{contact.name, contact.phone})
	fmt.Println(contact.name.Reveal())
	fmt.Println(contact.phone.IsZero())
	// Output:
	// ***
	// [*** ]
	// Jane
	// true
}
