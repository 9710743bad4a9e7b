// Package app owns the wiring: it makes every part from the settings, hands
// each what it needs from the others, starts them in order and stops them in
// reverse. It is the only package that knows everybody, and it decides nothing
// that a part could decide: its files are rows and short functions.
package app
