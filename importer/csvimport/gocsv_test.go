package csvimport_test

import (
	"strings"
	"testing"

	"github.com/gocarina/gocsv"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/importer"
)

// TestGocsvSettings: gocsv's settings are those of the whole process; what a
// host sets for its own files does not change how ours are read.
func TestGocsvSettings(t *testing.T) {
	gocsv.SetHeaderNormalizer(strings.ToUpper)
	gocsv.FailIfUnmatchedStructTags, gocsv.FailIfDoubleHeaderNames = true, true
	gocsv.ShouldAlignDuplicateHeadersWithStructFieldOrder = true
	t.Cleanup(func() {
		gocsv.SetHeaderNormalizer(gocsv.DefaultNameNormalizer())
		gocsv.FailIfUnmatchedStructTags, gocsv.FailIfDoubleHeaderNames = false, false
		gocsv.ShouldAlignDuplicateHeadersWithStructFieldOrder = false
	})
	aud := open(t, audience.Schema{})
	importContacts(t, aud, importer.Options{}, "city,external_id,n", "Oslo,u1,1")
	require.Equal(t, "string:Oslo", field(t, aud, audience.Key("u1"), "city"))
	require.Equal(t, 1, importEvents(t, aud, "value,external_id,time,type", "5,u1,20260101,purchase").Created)
}
