// Command hello is the smallest reference function: it greets. It shows what a
// function must do to be billed, which is to serve; package function counts.
package main
