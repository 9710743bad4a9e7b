// Package e2e owns the tests that need several parts, or the whole program, at
// once: crashes, a real Home Assistant, other people's brokers and clients. It
// is never part of the program.
package e2e
