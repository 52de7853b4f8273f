// Command echo is a reference function whose usage follows its input: it
// answers with the body it was sent.
package main
