package xlsxfile_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
	"github.com/audiencekit/audiencekit/importer/xlsxfile"
)

// A workbook with two sheets: which one is asked, and answered by a setting.
func ExampleFormat() {
	ctx := context.Background()
	book := excelize.NewFile()
	_, _ = book.NewSheet("People") // what goes wrong here shows in the output
	_ = book.SetSheetRow("Sheet1", "A1", &[]any{"Made for the fair"})
	_ = book.SetSheetRow("People", "A1", &[]any{"email", "visits"})
	_ = book.SetSheetRow("People", "A2", &[]any{"ann@example.com", 3})
	var content bytes.Buffer
	_ = book.Write(&content)

	file, format := importer.Bytes("people.xlsx", content.Bytes()), xlsxfile.Format(xlsxfile.Options{Zone: time.UTC})
	layout, err := format.Detect(ctx, file, importer.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range layout.Questions {
		fmt.Println(q.ID, q.Options)
	}
	p, err := importer.Inspect(ctx, file, audience.Schema{}, importer.InspectOptions{
		Formats: []importer.Format{format}, Answers: map[string]string{xlsxfile.SettingSheet: "People"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Layout.Columns, p.Rows, len(p.Questions))
	// Output:
	// sheet [Sheet1 People]
	// [email visits] 1 0
}
