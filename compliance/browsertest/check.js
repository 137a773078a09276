(() => {
  const found = [];
  const say = (el, what) => found.push(what + ": " + el.outerHTML.slice(0, 120));
  const root = document.documentElement;
  if (!root.lang) found.push("no language");
  if (!document.title.trim()) found.push("no title");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main landmark");
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelector("script, [onclick], [style*=javascript]")) found.push("a script");
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) say(h, "heading skips a level");
    level = n;
  }
  const ids = new Set();
  for (const el of document.querySelectorAll("[id]")) {
    if (ids.has(el.id)) say(el, "id twice");
    ids.add(el.id);
  }
  for (const el of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const id of ((el.getAttribute("aria-labelledby") || "") + " " + (el.getAttribute("aria-describedby") || "")).split(/\s+/))
      if (id && !document.getElementById(id)) say(el, "refers to what is not there");
  if (root.scrollWidth > root.clientWidth) found.push("wider than the window by " + (root.scrollWidth - root.clientWidth));

  for (const el of document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a[href]")) {
    if (el.closest("[aria-hidden=true]")) {
      if (el.tabIndex >= 0) say(el, "hidden, but can be reached");
      continue;
    }
    const labels = el.labels ? [...el.labels].map(l => l.textContent).join(" ") : "";
    const name = labels || el.getAttribute("aria-label") || (el.matches("button, a") ? el.textContent : "");
    if (!name.trim()) say(el, "has no name");
    if (el.matches("button, input, select")) {
      const box = el.getBoundingClientRect();
      if (box.width < 24 || box.height < 24) say(el, "too small a target");
    }
  }
  for (const f of document.querySelectorAll("fieldset")) if (!f.querySelector("legend")) say(f, "no legend");

  const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = el => {
    for (; el; el = el.parentElement) {
      const c = parse(getComputedStyle(el).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walker.nextNode());) {
    const el = n.parentElement;
    if (!n.textContent.trim() || el.closest("style, [aria-hidden=true], option")) continue;
    const style = getComputedStyle(el);
    const a = luminance(parse(style.color)), b = luminance(ground(el));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) say(el, "contrast " + ratio.toFixed(2));
  }
  return found;
})()
