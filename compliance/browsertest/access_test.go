package browsertest_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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
	customer, err := s.pages.PreferencesURL(t.Context(), s.customer("cleo@example.com"))
	require.NoError(t, err)
	return map[string]string{
		"signup": s.url("/s/footer"), "signup-two": s.url("/s/two"), "link": s.url("/u"), "neutral": s.url("/u/bad"), "missing": s.url("/nothing"),
		"unsubscribe": unsubscribe, "preferences": preferences, "customer": customer, "confirm": confirmLink(t, s),
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
	axe := axeScript(t)
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
			run(ctx, t, chromedp.Evaluate(`document.querySelector("form").noValidate = true; 0`, nil)) // as a browser without checks of its own
			_, err := chromedp.RunResponse(ctx, chromedp.Click("button", chromedp.ByQuery))            // 422: nothing was chosen, and no name
			require.NoError(t, err)
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-problem")
			run(ctx, t, chromedp.Click("input[name='t.partner-news']", chromedp.ByQuery), chromedp.SendKeys("#ak-f0", "Lee", chromedp.ByQuery))
			_, err = chromedp.RunResponse(ctx, chromedp.Click("button", chromedp.ByQuery)) // 422: a topic without its purpose
			require.NoError(t, err)
			var wrong string
			run(ctx, t, chromedp.Text(".choice .wrong", &wrong, chromedp.ByQuery))
			require.Contains(t, wrong, "This belongs to: Offers of partners")
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-problem-topic")
		})
		t.Run(v.name+" preferences with a problem", func(t *testing.T) {
			run(ctx, t, chromedp.Navigate(pages["preferences"]), chromedp.Click("input[name='t.partner-news']", chromedp.ByQuery))
			_, err := chromedp.RunResponse(ctx, chromedp.Click("button[value=save]", chromedp.ByQuery)) // 422
			require.NoError(t, err)
			look(ctx, t, axe)
			shoot(ctx, t, v.name+"-preferences-problem")
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

// TestSnippets looks at three forms on a page of a host's that lets no style in: the traps are neither seen nor reached nor
// read out all the same, and each label is that of its own form's field.
func TestSnippets(t *testing.T) {
	ctx := newBrowser(t)
	s := newSite(t)
	run(ctx, t, chromedp.Navigate(s.server.URL+"/host"), chromedp.WaitReady("h1", chromedp.ByQuery))
	var seen, doubled, labels int
	run(
		ctx, t,
		chromedp.Evaluate(`[...document.querySelectorAll("[name=leave_empty]")].filter(e => e.checkVisibility()).length`, &seen),
		chromedp.Evaluate(`(ids => ids.length - new Set(ids).size)([...document.querySelectorAll("[id]")].map(e => e.id))`, &doubled),
		chromedp.Evaluate(`[...document.querySelectorAll("label")].filter(l => l.control && l.control.form === l.closest("form")).length - document.querySelectorAll("label").length`, &labels),
	)
	require.Zero(t, seen)
	require.Zero(t, doubled)
	require.Zero(t, labels)
	for range 20 {
		var name string
		run(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`document.activeElement.name || ""`, &name))
		require.NotEqual(t, "leave_empty", name)
	}
	type text struct {
		Value any `json:"value"`
	}
	var tree struct { // the driver's own type does not know all that browsers say
		Nodes []struct {
			Ignored bool `json:"ignored"`
			Role    text `json:"role"`
			Name    text `json:"name"`
		} `json:"nodes"`
	}
	run(ctx, t, chromedp.ActionFunc(func(ctx context.Context) error { return cdp.Execute(ctx, "Accessibility.getFullAXTree", nil, &tree) }))
	fields := 0
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		require.NotEqual(t, "Leave this field empty", n.Name.Value)
		if n.Role.Value == "textbox" {
			fields++
		}
	}
	require.Equal(t, 6, fields, "an address and a name of each form")
	if axe := axeScript(t); axe != "" {
		lookByAxe(ctx, t, axe)
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

// axeScript gives axe-core, where it is.
func axeScript(t *testing.T) string {
	path := os.Getenv("AUDIENCEKIT_AXE")
	if path == "" {
		t.Log("AUDIENCEKIT_AXE is not set: only our own check looks at the pages")
		return ""
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func look(ctx context.Context, t *testing.T, axe string) {
	t.Helper()
	require.Empty(t, problems(ctx, t))
	if axe != "" {
		lookByAxe(ctx, t, axe)
	}
}

func lookByAxe(ctx context.Context, t *testing.T, axe string) {
	t.Helper()
	var report string
	run(ctx, t,
		chromedp.Evaluate(axe+"; 0", nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join(" | "))))`, &report, chromedp.EvalAsValue, awaitPromise))
	var violations []string
	require.NoError(t, json.Unmarshal([]byte(report), &violations))
	require.Empty(t, violations)
}
