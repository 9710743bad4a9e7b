package sliced

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// maxDirectory is how long the directory of an archive may be.
	maxDirectory = 1 << 20
	// openBudget is the most that is read of an archive to open it: its
	// directory, and the end of the file twice.
	openBudget = maxDirectory + 4*endSearch
	// endSearch is the longest end of an archive: the end record and its comment.
	endSearch = endLength + 65535
	endLength = 22
)

var errBudget = errors.New("the directory is too long")

// source is a file as an archive is read from it. It knows a failure of the
// file from a failure of what is in it, and bounds what is read to open it.
type source struct {
	r    io.ReaderAt
	size int64
	// bounded tells that no more than left bytes may be read.
	bounded bool
	left    int64
	// err is the first failure of the file itself.
	err error
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if s.bounded {
		if s.left -= int64(len(p)); s.left < 0 {
			return 0, errBudget
		}
	}
	if off < 0 || off > s.size {
		return 0, io.EOF
	}
	end := error(nil)
	if int64(len(p)) > s.size-off {
		p, end = p[:s.size-off], io.EOF
	}
	n, err := s.r.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, end
	case err == nil || errors.Is(err, io.EOF):
		err = invalid("the file ended at %d bytes, expected %d: it changed while it was read", off+int64(n), s.size)
	default:
		err = fmt.Errorf("reading the file at %d: %w", off+int64(n), err)
	}
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// fail is the error for a failure in what: that of the file itself, or else of
// what is in it.
func (s *source) fail(what string, err error) error {
	if s.err != nil {
		return s.err
	}
	return invalid("%s: %w", what, err)
}

// directoryEnd is what the end record of an archive says of its directory.
type directoryEnd struct{ records, size, offset uint64 }

// checkEnd checks the directory before an archive is opened, since opening it
// takes memory by what the end record says.
func (s *source) checkEnd() error {
	tail := make([]byte, min(s.size, endSearch))
	if _, err := s.ReadAt(tail, s.size-int64(len(tail))); err != nil {
		return s.fail("the end of the archive", err)
	}
	at := -1
	for i := len(tail) - endLength; i >= 0 && at < 0; i-- {
		if string(tail[i:i+4]) == "PK\x05\x06" && i+endLength+int(binary.LittleEndian.Uint16(tail[i+20:])) <= len(tail) {
			at = i
		}
	}
	if at < 0 {
		return invalid("not a 3MF file: expected a zip archive, but it has no directory at its end")
	}
	record, start := tail[at:], s.size-int64(len(tail)-at)
	end := directoryEnd{
		records: uint64(binary.LittleEndian.Uint16(record[10:])),
		size:    uint64(binary.LittleEndian.Uint32(record[12:])),
		offset:  uint64(binary.LittleEndian.Uint32(record[16:])),
	}
	if end.records == 0xffff || end.size == 0xffff || end.size == 0xffffffff || end.offset == 0xffffffff {
		if err := s.longEnd(start, &end); err != nil {
			return err
		}
	}
	switch {
	case end.records > MaxEntries:
		return invalid("the archive has %d entries, at most %d are read", end.records, MaxEntries)
	case end.size > maxDirectory:
		return invalid("the archive's directory has %d bytes, at most %d are read", end.size, maxDirectory)
	case end.offset > uint64(start) || end.size > uint64(start)-end.offset:
		return invalid("the archive's directory (%d bytes at %d) lies outside of the file", end.size, end.offset)
	}
	return nil
}

// longEnd reads the end record of a big archive (zip64), which a locator
// before the plain one points at.
func (s *source) longEnd(start int64, end *directoryEnd) error {
	locator, record := make([]byte, 20), make([]byte, 56)
	if start < int64(len(locator)) {
		return nil
	}
	if _, err := s.ReadAt(locator, start-int64(len(locator))); err != nil {
		return s.fail("the end of the archive", err)
	}
	if string(locator[:4]) != "PK\x06\x07" {
		return nil
	}
	offset := binary.LittleEndian.Uint64(locator[8:])
	if offset > uint64(start) || uint64(start)-offset < uint64(len(record)) {
		return invalid("the archive's end record (zip64, at %d) lies outside of the file", offset)
	}
	if _, err := s.ReadAt(record, int64(offset)); err != nil {
		return s.fail("the end record of the archive", err)
	}
	if string(record[:4]) != "PK\x06\x06" {
		return invalid("the archive has no end record (zip64) where its locator says, at %d", offset)
	}
	*end = directoryEnd{
		records: binary.LittleEndian.Uint64(record[32:]),
		size:    binary.LittleEndian.Uint64(record[40:]),
		offset:  binary.LittleEndian.Uint64(record[48:]),
	}
	return nil
}
