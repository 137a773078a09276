package compliance_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
)

func receiptOf(t *testing.T, format compliance.ReceiptFormat) map[string]any {
	t.Helper()
	retention, err := audience.ParsePeriod("3y")
	require.NoError(t, err)
	w := newWorld(t, func(o *compliance.LedgerOptions) {
		o.Purposes = append(o.Purposes, compliance.Purpose{
			ID: "marketing", Retention: retention, Recipients: []compliance.Party{{ID: "esp", Name: "Example ESP"}},
			Title: map[string]string{"en": "News"}, Description: map[string]string{"en": "Weekly news by e-mail"},
		})
	})
	id, _ := doubleOptIn(w)
	r := withdrawal(id)
	r.Scope = audience.MarketingScope()
	w.at(day(time.July, 1)).record(r)
	p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, p.WriteReceipt(&out, format))
	require.NotContains(t, out.String(), "u@example.com")
	var doc map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	return doc
}

// TestReceiptDPV: what ISO/IEC TS 27560 asks for.
func TestReceiptDPV(t *testing.T) {
	doc := receiptOf(t, compliance.ReceiptDPV)
	for _, member := range []string{
		"@context", "@id", "@type", "dct:conformsTo", "dct:identifier", "dct:created", "dpv:hasDataSubject", "dpv:hasDataController", "dpv:hasJurisdiction",
		"dpv:hasApplicableLaw", "dpv:hasNotice", "dpv:hasProcess", "dpv:hasConsentControl", "dpv:hasRight", "dpv:hasConsentStatus",
	} {
		require.Contains(t, doc, member)
	}
	statuses, _ := doc["dpv:hasConsentStatus"].([]any)
	require.Len(t, statuses, 3)
	for i, want := range []string{"dpv:ConsentRequested", "dpv:ConsentGiven", "dpv:ConsentWithdrawn"} {
		s, _ := statuses[i].(map[string]any)
		require.Contains(t, s["@type"], want)
	}
	holdsFields(t, doc, "compliance/consent-records/dpv-27560-record-sample.json")
}

// TestReceiptKantara: what Kantara 1.1 asks for.
func TestReceiptKantara(t *testing.T) {
	doc := receiptOf(t, compliance.ReceiptKantara)
	require.Equal(t, "KI-CR-v1.1.0", doc["version"])
	require.InDelta(t, float64(day(time.May, 1).Unix()), doc["consentTimestamp"], 0)
	require.Equal(t, "double-opt-in", doc["collectionMethod"])
	holdsFields(t, doc, "compliance/consent-records/kantara-cr-1.1-receipt-sample.json")
}

// holdsFields requires every field of a sample, down to the leaves of objects.
func holdsFields(t *testing.T, doc map[string]any, sample string) {
	t.Helper()
	var want map[string]any
	require.NoError(t, json.Unmarshal(corpora(t, sample), &want))
	missing := missingFields("", want, doc)
	// An address in its parts is the host's to give, and so is a description of the method.
	missing = slices.DeleteFunc(missing, func(f string) bool {
		return slices.Contains([]string{
			".piiControllers.address.addressLocality", ".piiControllers.address.addressRegion", ".piiControllers.address.postalCode",
			".dpv:hasDataSubject.skos:broader",
		}, f)
	})
	require.Empty(t, missing)
}

func missingFields(path string, want, got map[string]any) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		at := path + "." + key
		have, ok := got[key]
		if !ok {
			out = append(out, at)
			continue
		}
		w, g := firstObject(want[key]), firstObject(have)
		if w != nil {
			out = append(out, missingFields(at, w, g)...)
		}
	}
	return out
}

func firstObject(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m, _ := v.(map[string]any)
	return m
}

func TestReceiptRefuses(t *testing.T) {
	w := newWorld(t)
	id := w.put("u", "u@example.com")
	w.record(withdrawal(id))
	p, err := w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
	require.NoError(t, err)
	require.ErrorIs(t, p.WriteReceipt(new(bytes.Buffer), compliance.ReceiptDPV), audience.ErrNotFound)
	w.later(time.Second)
	w.record(w.grant(id))
	p, err = w.Proof(t.Context(), audience.ID(id), audience.MarketingScope(), time.Time{})
	require.NoError(t, err)
	require.ErrorIs(t, p.WriteReceipt(new(bytes.Buffer), "pdf"), audience.ErrInvalid)
}
