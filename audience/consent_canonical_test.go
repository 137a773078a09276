package audience_test

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// goldenRecords are records with their canonical bytes and hashes, which an
// independent program (in Python) computed from the description of the format. They must
// never change: every stored ledger would read as forged.
func goldenRecords() []struct {
	name            string
	record          audience.ConsentRecord
	canonical, hash string
} {
	var salt [32]byte
	for i := range salt {
		salt[i] = byte(i)
	}
	first := audience.ConsentRecord{
		Contact: 5, Seq: 1, Kind: audience.ConsentGranted,
		Scope: audience.Scope{Channel: "email", Purpose: "marketing", List: "news"},
		Acted: at(2).Add(microsecond), Recorded: at(2).Add(2 * microsecond), Expires: audience.MaxInstant(),
		Mechanism: audience.MechanismDoubleOptIn, Notice: "notice-3",
		Source:   audience.Source{Kind: audience.SourcePerson, Name: "form", Actor: "op-1"},
		Evidence: audience.Commit(salt, []byte("I agree")), Prev: audience.ChainStart("main", 5),
	}
	second := audience.ConsentRecord{
		Contact: 5, Seq: 2, Kind: audience.ConsentWithdrawn, Acted: at(3), Recorded: at(3), Prev: first.ComputeHash(),
	}
	return []struct {
		name            string
		record          audience.ConsentRecord
		canonical, hash string
	}{
		{
			"every member but one", first,
			"01" + "010105" + "020101" + "030102" + "0405656d61696c" + "05096d61726b6574696e67" + "06046e657773" +
				"070882a0bc90d7ecc171" + "080883a0bc90d7ecc171" + "090980c0fcdcbc81c1b004" + "0a0d646f75626c652d6f70742d696e" +
				"0b086e6f746963652d33" + "0c0103" + "0d04666f726d" + "0e046f702d31" +
				"0f202d417b60e65ff6f7794740c8d3acdc1c0dc19d4ecccf44c265c8f00d9d57daee" +
				"1020cbda6ed2554720cf4fb29e11fe4c83ba0f0ad288c3c04dd57299f93b18a8cd7e",
			"9df99dda64f99ed4985773a9b3eb162a5ae0d3c48de46134746094c2cb3aaeae",
		},
		{
			"few members", second,
			"01" + "010105" + "020102" + "030103" + "070881e099ff98efc171" + "080881e099ff98efc171" +
				"10209df99dda64f99ed4985773a9b3eb162a5ae0d3c48de46134746094c2cb3aaeae",
			"d5d9f0c2d06a5efb1156a27ad4b5bd4a27e6ec234bebc9f0404401c26d2aa1c5",
		},
		{
			"a retraction",
			audience.ConsentRecord{
				Contact: 5, Seq: 3, Kind: audience.ConsentRetracted, Scope: first.Scope, Acted: at(4), Recorded: at(4),
				Prev: second.ComputeHash(), Retracts: 1,
			},
			"01" + "010105" + "020103" + "030106" + "0405656d61696c" + "05096d61726b6574696e67" + "06046e657773" +
				"070881a0f7eddaf1c171" + "080881a0f7eddaf1c171" +
				"1020d5d9f0c2d06a5efb1156a27ad4b5bd4a27e6ec234bebc9f0404401c26d2aa1c5" + "110101",
			"6712fabc9d660c771f762e733b7bc91ac4889511a9b3d44bd815563020238001",
		},
		{
			"the largest numbers and a long text",
			audience.ConsentRecord{
				Contact: math.MaxUint32, Seq: math.MaxUint64, Kind: audience.ConsentComplained,
				Recorded: audience.MinInstant().Add(microsecond), Notice: strings.Repeat("ü", 100),
			},
			"01" + "0105ffffffff0f" + "020affffffffffffffffff01" + "030105" + "080102" + "0bc801" + strings.Repeat("c3bc", 100),
			"eae160ad42dde749e7598e849c94499724fb6779bf3d14b2edc8c3c6a58f4045",
		},
		{"nothing", audience.ConsentRecord{}, "01", "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
	}
}

func TestCanonicalVectors(t *testing.T) {
	start := audience.ChainStart("main", 5)
	require.Equal(t, "cbda6ed2554720cf4fb29e11fe4c83ba0f0ad288c3c04dd57299f93b18a8cd7e", hex.EncodeToString(start[:]))
	for _, tt := range goldenRecords() {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.canonical, hex.EncodeToString(tt.record.Canonical()))
			hash := tt.record.ComputeHash()
			require.Equal(t, tt.hash, hex.EncodeToString(hash[:]))

			parsed, err := audience.ParseConsentRecord(tt.record.Canonical())
			require.NoError(t, err)
			whole := tt.record
			whole.Hash = hash
			require.Equal(t, whole, parsed)
		})
	}
}

// TestCanonicalHasEveryMember: what the hash leaves out could be changed
// without anybody seeing it.
func TestCanonicalHasEveryMember(t *testing.T) {
	base := goldenRecords()[0].record
	base.Retracts = 3
	var check func(path string, v reflect.Value)
	r := base
	check = func(path string, v reflect.Value) {
		if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[audience.ConsentRecord]().Field(5).Type { // not a time
			for i := range v.NumField() {
				check(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		}
		r = base
		v.SetZero()
		if path == ".Hash" {
			require.Equal(t, base.ComputeHash(), r.ComputeHash())
		} else {
			require.NotEqual(t, base.ComputeHash(), r.ComputeHash(), path)
		}
		r = base
	}
	require.Equal(t, "Recorded", reflect.TypeFor[audience.ConsentRecord]().Field(5).Name)
	check("", reflect.ValueOf(&r).Elem())
}

func TestParseConsentRecordRefuses(t *testing.T) {
	good := goldenRecords()[0].record.Canonical()
	flip := func(i int, b byte) []byte {
		out := append([]byte(nil), good...)
		out[i] = b
		return out
	}
	tests := map[string][]byte{
		"nothing":               nil,
		"version 0":             flip(0, 0),
		"version 2":             flip(0, 2),
		"cut":                   good[:len(good)-1],
		"cut after a tag":       {1, 1},
		"length without end":    {1, 1, 0x80},
		"length beyond":         {1, 1, 5, 1},
		"overlong length":       {1, 1, 0x81, 0, 5},
		"length overflows":      {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"length overflows more": {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},
		"unknown tag":           {1, 18, 1, 1},
		"tag 0":                 {1, 0, 1, 1},
		"members out of order":  {1, 2, 1, 1, 1, 1, 5},
		"member twice":          {1, 1, 1, 5, 1, 1, 5},
		"zero number":           {1, 1, 1, 0},
		"no content":            {1, 1, 0},
		"overlong number":       {1, 1, 2, 0x85, 0},
		"bytes after a number":  {1, 1, 2, 5, 5},
		"contact too large":     {1, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x1f},
		"kind too large":        {1, 3, 2, 0x81, 2},
		"empty text":            {1, 4, 0},
		"absent time":           {1, 7, 1, 1},
		"time out of range":     {1, 7, 9, 0x81, 0xc0, 0xfc, 0xdc, 0xbc, 0x81, 0xc1, 0xb0, 4},
		"short hash":            {1, 15, 1, 7},
		"long hash":             append([]byte{1, 15, 33}, make([]byte, 33)...),
		"zero hash":             append([]byte{1, 15, 32}, make([]byte, 32)...),
		"too long":              append([]byte{1, 11, 0x80, 0x80, 4}, make([]byte, 64<<10)...),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := audience.ParseConsentRecord(b)
			requireField(t, err, "record", "canonical")
			require.Equal(t, audience.ConsentRecord{}, r)
		})
	}
	last := []byte{1, 7, 9, 0x80, 0xc0, 0xfc, 0xdc, 0xbc, 0x81, 0xc1, 0xb0, 4}
	r, err := audience.ParseConsentRecord(last)
	require.NoError(t, err)
	require.Equal(t, audience.MaxInstant(), r.Acted)
}

// FuzzParseConsentRecord: there is one form of every record, and what can be
// read is written as it was.
func FuzzParseConsentRecord(f *testing.F) {
	for _, g := range goldenRecords() {
		f.Add(g.record.Canonical())
	}
	f.Add([]byte{})
	f.Add([]byte{1, 1, 0x81, 0, 5})
	f.Add([]byte{1, 7, 1, 2, 9, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := audience.ParseConsentRecord(b)
		if err != nil {
			requireField(t, err, "record", "canonical")
			return
		}
		require.Equal(t, b, r.Canonical())
		require.Equal(t, r.ComputeHash(), r.Hash)
	})
}

// TestWhatIsStoredCanBeReadAgain: every record that CheckLink lets pass comes
// back from its canonical bytes, member by member.
func TestWhatIsStoredCanBeReadAgain(t *testing.T) {
	r := chronicler{rand.New(rand.NewPCG(1, 2))}
	passed := 0
	for range 20_000 {
		x := r.record(1)
		x.Contact, x.Prev = 7, audience.ChainStart("main", 7)
		x.Recorded = pick(r, x.Acted, at(20), at(5), audience.MaxInstant(), time.Time{})
		x.Notice = pick(r, "", "v3", "\x01 ü", strings.Repeat("n", 300), "\xff", "\x00", strings.Repeat("n", 64<<10))
		x.Acted = x.Acted.Add(pick(r, 0, 0, 0, time.Nanosecond, microsecond))
		x.Source = audience.Source{Kind: pick(r, audience.SourceHost, audience.SourcePerson), Actor: pick(r, "", "op")}
		x.Hash = x.ComputeHash()
		if x.CheckLink("main", nil) != nil {
			continue
		}
		passed++
		parsed, err := audience.ParseConsentRecord(x.Canonical())
		require.NoError(t, err)
		require.Equal(t, x, parsed)
	}
	require.Greater(t, passed, 2_000)
}
