package importer_test

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/csvimport"
)

// What a file is, what each of its columns becomes and what has to be answered,
// before anything is written.
func ExampleInspect() {
	file := importer.Bytes("members.csv", []byte(`EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLISTED;ADDED_TIME;API token;Visit
ada@example.com;Ek;Ada;;No;12-04-2022 09:30;t0k3n;03/04/2026
bo@example.com;Berg;Bo;070-11;Yes;31-12-2022 23:59;t0k3n;05/06/2026
`))
	proposal, err := importer.Inspect(context.Background(), file, audience.Schema{}, importer.InspectOptions{
		Formats: []importer.Format{csvimport.Format()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(proposal)
	// Output:
	// csv, 2 rows, 203 bytes
	// export of brevo, by EMAIL_BLACKLISTED, ADDED_TIME among 6 of its columns (70%)
	// column  header             becomes                           sure  because
	// 1       EMAIL              email                             100%  2 of its 2 cells are addresses
	// 2       LASTNAME           last name                         95%   a column of brevo
	// 3       FIRSTNAME          first name                        95%   a column of brevo
	// 4       SMS                phone                             95%   a column of brevo
	// 5       EMAIL_BLACKLISTED  refusal                           95%   a column of brevo
	// 6       ADDED_TIME         created at, written "dmy"         95%   a column of brevo
	// 7       API token          secret                            100%  its name is that of a secret
	// 8       Visit              field visit: date, written "dmy"  60%   its cells are dates
	// note: column 6: its times name no zone; they are read in the zone of the audience
	// note: column 7: it is not read, shown or written anywhere, because its name is that of a secret
	// question "column 8: dates": Is the day or the month first in the dates of column 8? Answers: dmy, mdy, text (taken meanwhile: dmy)
}
