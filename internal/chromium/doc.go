// Package chromium gives tests a real browser, without a window.
//
// It speaks the DevTools protocol over a pipe: no port, no WebSocket, and no
// library that knows which events of which version there are. A tab keeps what
// went wrong in it (errors on the console, exceptions, breaches of the
// Content-Security-Policy, dialogs) and what it asked for.
//
// Without a browser, tests skip and say why, or fail when INVOQ_TEST_REQUIRE is
// set, as it is where a browser is promised.
package chromium
