package mail_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/compliance/mail"
)

// expectation is a line of expected.jsonl.
type expectation struct {
	File              string   `json:"file"`
	Kind              string   `json:"kind"`
	FeedbackType      string   `json:"feedback_type"`
	UserAgent         string   `json:"user_agent"`
	OriginalRcptTo    []string `json:"original_rcpt_to"`
	RemovalRecipient  []string `json:"removal_recipient"`
	EmbeddedMessageID string   `json:"embedded_message_id"`
	SuppressRecipient bool     `json:"suppress_recipient"`
	ToToken           string   `json:"to_token"`
	Recipients        []struct {
		Final     string   `json:"final"`
		Original  string   `json:"original"`
		Action    string   `json:"action"`
		Status    string   `json:"status"`
		Effective string   `json:"enhanced_effective"`
		SMTP      string   `json:"smtp"`
		Class     string   `json:"class"`
		Accept    []string `json:"accept"`
		Suppress  bool     `json:"suppress"`
	} `json:"recipients"`
}

// corpus gives the folder of samples, or skips the test.
func corpus(t testing.TB) string {
	root := os.Getenv("AUDIENCEKIT_CORPORA")
	if root == "" {
		t.Skip("set AUDIENCEKIT_CORPORA to the folder of corpora to run this test")
	}
	return filepath.Join(root, "compliance")
}

func TestParseReportCorpus(t *testing.T) {
	root := corpus(t)
	file, err := os.Open(filepath.Join(root, "expected.jsonl"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	counts := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var want expectation
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		t.Run("O40 class and suppression of "+want.File, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, want.File))
			require.NoError(t, err)
			got, err := mail.ParseReport(strings.NewReader(string(b)))
			checkExpectation(t, &want, got, err, counts)
			if err == nil {
				checkSilent(t, got)
			}
		})
	}
	require.NoError(t, lines.Err())
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%-28s %3d", k, counts[k])
	}
}

func checkExpectation(t *testing.T, want *expectation, got *mail.Report, err error, counts map[string]int) {
	switch want.Kind {
	case "none", "malformed":
		if err != nil {
			require.ErrorIs(t, err, mail.ErrNotReport)
			counts[want.Kind+": not a report"]++
			return
		}
		require.Equal(t, "malformed", want.Kind)
		require.True(t, got.Guessed, "nothing may be suppressed")
		counts["malformed: guessed"]++
		return
	}
	require.NoError(t, err)
	require.False(t, got.Guessed)
	switch want.Kind {
	case "dsn":
		require.Equal(t, mail.ReportDelivery, got.Kind)
		require.Len(t, got.Recipients, len(want.Recipients))
		for i, w := range want.Recipients {
			g := got.Recipients[i]
			labels := []string{string(g.Class), "soft-" + string(g.Class)}
			require.True(t, slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(w.Accept, l) }), "%s is none of %v", g.Class, w.Accept)
			require.Equal(t, w.Suppress, g.Class == mail.BounceHard)
			if strings.Contains(w.Final, "@") {
				require.Equal(t, w.Final, g.Address.Reveal())
			} else {
				require.True(t, g.Address.IsZero())
			}
			require.Equal(t, w.Original, g.Original.Reveal())
			require.Equal(t, w.Action, g.Action)
			require.Equal(t, w.Status, g.Status)
			require.Equal(t, w.Effective, g.Code)
			if w.SMTP != "" {
				require.Equal(t, w.SMTP, strconv.Itoa(g.SMTP))
			}
			counts["recipient: "+string(g.Class)]++
		}
	case "mailto-unsubscribe":
		require.Equal(t, mail.ReportOptOut, got.Kind)
		local, _, _ := strings.Cut(want.ToToken, "@")
		require.Contains(t, revealed(got), local)
	default:
		suppresses := got.Kind == mail.ReportComplaint || got.Kind == mail.ReportOptOut
		require.Equal(t, want.SuppressRecipient, suppresses)
		if want.FeedbackType != "" {
			require.Equal(t, want.FeedbackType, got.Type)
			require.Equal(t, want.UserAgent, got.Reporter)
		}
		named := map[string]bool{}
		for i := range got.Recipients {
			named[got.Recipients[i].Address.Reveal()] = true
		}
		for _, a := range slices.Concat(want.OriginalRcptTo, want.RemovalRecipient) {
			require.True(t, named[a], "a recipient is missing")
		}
	}
	counts["kind: "+want.Kind+" "+string(got.Kind)]++
	if want.EmbeddedMessageID != "" {
		require.Equal(t, strings.Trim(want.EmbeddedMessageID, "<>"), got.MessageID.Reveal())
	}
}

func revealed(r *mail.Report) []string {
	var out []string
	for _, t := range r.Tokens {
		out = append(out, t.Reveal())
	}
	return out
}

// checkSilent looks for anything personal in what a report prints.
func checkSilent(t *testing.T, r *mail.Report) {
	inner := struct{ hidden mail.Report }{*r}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", r, r, *r, r), fmt.Sprintf("%v %+v", inner, r.Recipients)} {
		for i := range r.Recipients {
			if a := r.Recipients[i].Address; !a.IsZero() {
				require.NotContains(t, text, a.Reveal())
			}
		}
		for _, token := range r.Tokens {
			if len(token.Reveal()) > 8 {
				require.NotContains(t, text, token.Reveal())
			}
		}
	}
}
