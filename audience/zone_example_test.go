package audience_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/audiencekit/audiencekit/audience"
)

func ExampleCalendar_Ago() {
	month, _ := audience.ParsePeriod("1mo")
	var utc audience.Calendar
	for day := 28; day <= 32; day++ {
		now := time.Date(2026, time.March, day, 12, 0, 0, 0, time.UTC)
		ago, _ := utc.Ago(now, month)
		fmt.Println(now.Format("2 January 15:04"), "->", ago.Format("2 January 15:04"))
	}
	// Output:
	// 28 March 12:00 -> 28 February 12:00
	// 29 March 12:00 -> 1 March 00:00
	// 30 March 12:00 -> 1 March 00:00
	// 31 March 12:00 -> 1 March 00:00
	// 1 April 12:00 -> 1 March 12:00
}

func ExampleCalendar_StartOf() {
	kathmandu := audience.NewCalendar(time.FixedZone("", 5*3600+45*60))
	now := time.Date(2026, time.January, 31, 20, 0, 0, 0, time.UTC) // 1 February 01:45 there
	for _, unit := range []audience.CalendarUnit{audience.UnitDay, audience.UnitWeek, audience.UnitMonth, audience.UnitYear} {
		start, _ := kathmandu.StartOf(now, unit)
		fmt.Println(unit, start.Format(time.RFC3339))
	}
	// Output:
	// d 2026-01-31T18:15:00Z
	// w 2026-01-25T18:15:00Z
	// mo 2026-01-31T18:15:00Z
	// y 2025-12-31T18:15:00Z
}

func ExampleCalendar_Anniversary() {
	var utc audience.Calendar
	born, _ := audience.NewDate(1992, time.February, 29)
	for _, now := range []time.Time{
		time.Date(2026, time.February, 28, 9, 0, 0, 0, time.UTC),
		time.Date(2027, time.March, 1, 0, 0, 0, 0, time.UTC),
	} {
		next, _ := utc.Anniversary(born, now)
		fmt.Println(next.Format(time.DateOnly))
	}
	// Output:
	// 2026-02-28
	// 2028-02-29
}

func ExampleParsePeriod() {
	for _, s := range []string{"1y6mo10d", "90m", "2w", "10d6mo"} {
		p, err := audience.ParsePeriod(s)
		if err != nil {
			fmt.Println(err, errors.Is(err, audience.ErrInvalid))
			continue
		}
		exact, fixed := p.Fixed()
		fmt.Println(p, exact, fixed)
	}
	// Output:
	// 1y6mo10d 0s false
	// 1h30m 1h30m0s true
	// 14d 336h0m0s true
	// period: order: at offset 4: each of y mo w d h m s at most once, in this order true
}

func ExampleParseDate() {
	d, err := audience.ParseDate("2026-02-28")
	fmt.Println(d+1, err)
	fmt.Println(d.In(time.FixedZone("", -5*3600)).Format(time.RFC3339))
	_, err = audience.ParseDate("2026-02-29")
	fmt.Println(err)
	// Output:
	// 2026-03-01 <nil>
	// 2026-02-28T05:00:00Z
	// date: range: a day of that month, 1 to 28
}

func ExampleInstant() {
	t, err := audience.Instant(time.Date(2026, time.January, 31, 1, 0, 0, 999_999_999, time.FixedZone("", 3600)))
	fmt.Println(t, err)
	fmt.Println(audience.Micros(t))
	// Output:
	// 2026-01-31 00:00:00.999999 +0000 UTC <nil>
	// 1769817600999999
}
