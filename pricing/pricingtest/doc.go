// Package pricingtest runs scripts that say what usage costs: the golden tests
// of package pricing, and a way for users to test their own plans before a
// bill does (invoq plan test FILE...).
//
//	plan pro USD
//	  requests  first 1e6 free  then 0.20 per 1e6
//	load 5m from 2026-01-01
//	  requests{tenant="acme"}  0+5000x400
//	price acme 2026-01
//	  requests  2000000  0.20 USD
//	price acme 2026-13
//	  expect fail msg: month 13 out of range
//
// README.md has the whole language. A script is read by lines and runs without
// files, clock or network; equal scripts give equal reports. Check is the one
// entry; what fails names its line.
package pricingtest
