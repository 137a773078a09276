package browsertest_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/audiencekit/audiencekit/audience"
)

// check is our own look at a page: names of everything that can be used, landmarks, headings, language, contrast of all
// text, sizes of targets, and that nothing is wider than the window.
//
//go:embed check.js
var check string

// pagesOf gives every kind of page, by name.
func pagesOf(t *testing.T, s *site) map[string]string {
	id := s.subscribed("ann@example.com")
	unsubscribe, err := s.pages.UnsubscribeURL(id, audience.Scope{List: "news"})
	require.NoError(t, err)
	preferences, err := s.pages.PreferencesURL(t.Context(), id)
	require.NoError(t, err)
	return map[string]string{
		"signup": s.url("/s/footer"), "signup-two": s.url("/s/two"), "link": s.url("/u"), "neutral": s.url("/u/bad"), "missing": s.url("/nothing"),
		"unsubscribe": unsubscribe, "preferences": preferences, "confirm": confirmLink(t, s),
	}
}

func confirmLink(t *testing.T, s *site) string {
	ctx := newBrowser(t)
	run(ctx, t, chromedp.Navigate(s.url("/s/footer")), chromedp.SendKeys("#ak-email", "new@example.com", chromedp.ByQuery))
	press(ctx, t, "button")
	mails := s.delivered()
	require.Len(t, mails, 1)
	return mails[0].Data["url"]
}

// TestAccessible looks at every page in every size, light and dark, and at what comes after pressing its button.
func TestAccessible(t *testing.T) {
	browserPath(t)
	axe := ""
	if path := os.Getenv("AUDIENCEKIT_AXE"); path != "" {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		axe = string(b)
	} else {
		t.Log("AUDIENCEKIT_AXE is not set: only our own check looks at the pages")
	}
	s := newSite(t)
	pages := pagesOf(t, s)
	ctx := newBrowser(t)
	for _, v := range views() {
		axe := axe
		if v.name == "phone" || v.name == "dark" {
			axe = "" // it takes its time, and the others are the extremes of size and colour
		}
		run(ctx, t, v.apply())
		for name, link := range pages {
			t.Run(v.name+" "+name, func(t *testing.T) {
				run(ctx, t, chromedp.Navigate(link), chromedp.WaitReady("h1", chromedp.ByQuery))
				look(ctx, t, axe)
				shoot(ctx, t, v.name+"-"+name)
			})
		}
		t.Run(v.name+" form with a problem", func(t *testing.T) {
			run(ctx, t, chromedp.Navigate(s.url("/s/two")), chromedp.SendKeys("#ak-email", "new@example.com", chromedp.ByQuery))
			_, err := chromedp.RunResponse(ctx, chromedp.Click("button", chromedp.ByQuery)) // 422: nothing was chosen
			require.NoError(t, err)
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-problem")
		})
		t.Run(v.name+" saved and unsubscribed", func(t *testing.T) {
			run(ctx, t, chromedp.Navigate(pages["preferences"]))
			press(ctx, t, "button[value=save]")
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-saved")
			id := s.subscribed(v.name + "@example.com")
			link, err := s.pages.UnsubscribeURL(id, audience.Scope{})
			require.NoError(t, err)
			run(ctx, t, chromedp.Navigate(link))
			press(ctx, t, "button")
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-unsubscribed")
		})
	}
}

// TestCheckFinds plants one fault of each kind, which our own check has to find.
func TestCheckFinds(t *testing.T) {
	ctx := newBrowser(t)
	s := newSite(t)
	link := s.url("/s/footer")
	for fault, finds := range map[string]string{
		`document.querySelector("label").remove()`:                                                                         "has no name",
		`document.querySelector("button").textContent = ""`:                                                                "has no name",
		`document.documentElement.removeAttribute("lang")`:                                                                 "language",
		`document.querySelector("h1").remove()`:                                                                            "h1",
		`document.querySelector("main").replaceWith(document.createElement("div"))`:                                        "main",
		`document.querySelector(".hint").style.color = "#aaa"`:                                                             "contrast",
		`document.querySelector("main").style.cssText = "width:3000px;max-width:none"`:                                     "wider",
		`document.querySelector("button").style.cssText = "height:10px;min-height:0;padding:0;width:10px;overflow:hidden"`: "small",
		`document.querySelector("#ak-f0").id = "ak-email"`:                                                                 "twice",
	} {
		t.Run(finds, func(t *testing.T) {
			run(ctx, t, chromedp.Navigate(link), chromedp.WaitReady("h1", chromedp.ByQuery), chromedp.Evaluate(fault+"; 0", nil))
			require.Contains(t, strings.Join(problems(ctx, t), "\n"), finds)
		})
	}
}

func problems(ctx context.Context, t *testing.T) (found []string) {
	t.Helper()
	run(ctx, t, chromedp.Evaluate(check, &found))
	return found
}

func look(ctx context.Context, t *testing.T, axe string) {
	t.Helper()
	require.Empty(t, problems(ctx, t))
	if axe == "" {
		return
	}
	var report string
	run(ctx, t,
		chromedp.Evaluate(axe+"; 0", nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | "))))`, &report, chromedp.EvalAsValue, awaitPromise))
	var violations []string
	require.NoError(t, json.Unmarshal([]byte(report), &violations))
	require.Empty(t, violations)
}
