package audience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// at gives noon of a day of January 2026.
func at(day int) time.Time { return time.Date(2026, time.January, day, 12, 0, 0, 0, time.UTC) }

// microsecond is the step of the library's clock.
const microsecond = time.Microsecond

// requireField checks that an error is a FieldError of that path and rule,
// and answers the categories as the rule demands.
func requireField(t *testing.T, err error, path, rule string) audience.FieldError {
	t.Helper()
	var field *audience.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, path, field.Path)
	require.Equal(t, rule, field.Rule)
	require.NotEmpty(t, field.Hint, "an error says what is expected")
	require.ErrorIs(t, err, audience.ErrInvalid)
	if field.Limit {
		require.ErrorIs(t, err, audience.ErrLimit)
	} else {
		require.NotErrorIs(t, err, audience.ErrLimit)
	}
	return *field
}
