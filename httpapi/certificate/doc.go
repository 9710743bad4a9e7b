// Package certificate owns the certificate of a TLS listener: one that was
// given, read again when its files change, or one of our own making, kept in a
// file and renewed before its end. It opens no port and runs nothing.
package certificate
