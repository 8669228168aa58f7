// Package terminal shows a running operation to a person: a live table when there is a terminal, a line per change
// when there is not.
//
// A Board gathers what the events say; it does no I/O. Lines and Live draw one. What a server or a node wrote is never
// trusted with the terminal: every text from outside passes Clean first, so that no escape sequence gets through.
// Colours and sizes are left to the terminal library, which honours NO_COLOR; what happens at the end (tables, files,
// exit codes) is left to the command.
package terminal
