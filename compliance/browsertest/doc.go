// Package browsertest walks through the pages of compliance/web in a real
// headless browser: with scripts on and off, by keyboard, on a desk and on a
// phone. It is a module of its own, since what drives the browser must not
// reach the hosts of the library, and is never released.
//
// The browser is the chromium or chrome of PATH; where there is none the tests
// skip and say so, unless AUDIENCEKIT_BROWSER is "required". They check names,
// roles, contrast, landmarks and sizes themselves, and by axe-core besides
// where AUDIENCEKIT_AXE names its script (axe.min.js of the npm package
// axe-core). AUDIENCEKIT_SCREENSHOTS names a folder for pictures of all pages.
package browsertest
