// Package fibertracker counts the requests of a Fiber application with package
// tracker. It is apart so that only Fiber's users import Fiber.
package fibertracker
