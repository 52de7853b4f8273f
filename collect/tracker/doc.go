// Package tracker tells Invoq what the users of a program consume. It is made
// to be imported by other programs and brings nothing but the standard library.
//
//	Track, Middleware ─▶ memory, bounded ─▶ batches ─▶ POST /api/v1/usage
//	                                           │ server away
//	                                           ▼
//	                                     spool file, bounded ─▶ sent when it is back
//
// Track and the middleware never wait: they note the usage in memory, and one
// goroutine does the rest. Every usage has a request id from the start, so that
// one that is sent twice counts once.
//
// Usage is lost when memory and the spool are full and when it says what cannot
// be sent, such as no number; both are counted and told. It is also lost when
// the program is killed before a batch was sent or spooled, which Config.Every
// bounds. Close sends or spools what is left.
package tracker
