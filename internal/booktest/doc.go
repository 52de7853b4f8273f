// Package booktest posts what windows say into a book, for tests of what is made
// from books.
package booktest
