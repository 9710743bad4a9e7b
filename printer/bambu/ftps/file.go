package ftps

import (
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jlaffaye/ftp"

	"github.com/printwire/printwire/fault"
)

// File is one file of a listing. Dates are left out: printers give them in
// any time zone and to the minute; see Conn.Date.
type File struct {
	// Name is the bare name, whatever the printer puts before it.
	Name string
	// Size is in bytes.
	Size int64
}

// oneLine refuses what would be more than one command to the server.
func oneLine(name string) error {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return fault.New(fault.Invalid, "%q is no name of a file", name)
	}
	return nil
}

// Size is the size of a file in bytes. fault.NotFound: there is none.
func (c *Conn) Size(name string) (int64, error) {
	if err := oneLine(name); err != nil {
		return 0, err
	}
	n, err := c.client.FileSize(name)
	if err == nil && n < 0 {
		err = fault.New(fault.Invalid, "the printer says it has %d bytes", n)
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the size of %q: %w", name, c.cause(err))
	}
	return n, nil
}

// dates is how a date is told: UTC, to the second, maybe with a fraction.
const dates = "20060102150405"

// Date is when a file was written as the printer tells it, "" where it does not
// know or cannot. Its clock may be wrong by months, but it is not the same for
// two files of one name. A year before 2020 is what a printer without a clock
// says of every file.
func (c *Conn) Date(name string) (string, error) {
	if err := oneLine(name); err != nil {
		return "", err
	}
	c.commands.date = true
	n, err := c.client.FileSize(name)
	c.commands.date = false
	told := strconv.FormatInt(n, 10)
	var answer *textproto.Error
	var fraction *strconv.NumError
	switch {
	case errors.As(err, &fraction):
		told = fraction.Num
	case errors.As(err, &answer) && answer.Code >= 500:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("asking for the date of %q: %w", name, c.cause(err))
	}
	at, err := time.Parse(dates, told)
	if err != nil || at.Year() < 2020 || len(told) > 32 {
		return "", nil
	}
	return told, nil
}

// List are the files of a folder, without the folders in it.
// fault.NotFound: there is no such folder.
func (c *Conn) List(folder string) ([]File, error) {
	if err := oneLine(folder); err != nil {
		return nil, err
	}
	c.allow, c.data = maxListing, nil
	entries, err := c.client.List(folder)
	if err != nil && len(entries) == 0 {
		return nil, fmt.Errorf("listing %q: %w", folder, c.silent(err))
	}
	files := make([]File, 0, len(entries))
	for _, e := range entries {
		if e.Type == ftp.EntryTypeFile && e.Size < 1<<62 {
			files = append(files, File{Name: path.Base(e.Name), Size: int64(e.Size)})
		}
	}
	return files, nil
}

// Fetch writes a file of that size to w, at most at the session's rate.
// fault.Conflict: the file has changed or is still being written.
// ErrDataChannel is in the chain when not even one byte came.
func (c *Conn) Fetch(name string, size int64, w io.Writer) error {
	if err := oneLine(name); err != nil {
		return err
	}
	if err := c.fetch(name, size, w); err != nil {
		return fmt.Errorf("fetching %q: %w", name, err)
	}
	switch now, err := c.client.FileSize(name); {
	case c.ctx.Err() != nil:
		return fmt.Errorf("fetching %q: %w", name, c.ctx.Err())
	case err == nil && now != size:
		return fmt.Errorf("fetching %q: %w", name, errChanged(size, now))
	}
	return nil
}

// fetch reads the file. What the printer says at the end does not count: some
// end a complete transfer with 426, and few close TLS as they should.
func (c *Conn) fetch(name string, size int64, w io.Writer) error {
	c.allow, c.data = size+1, nil
	r, err := c.client.Retr(name)
	if err != nil {
		return c.silent(err)
	}
	defer discard(r)
	n, err := c.copy(w, r, size)
	var broken *writeError
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case errors.As(err, &broken):
		return broken.error
	case n == size:
		return nil
	case n > size || err == nil:
		return errChanged(size, n)
	case n == 0:
		return c.silent(err)
	default:
		return fmt.Errorf("after %d of %d bytes: %w", n, size, c.cause(err))
	}
}

// writeError is a failure of our own side.
type writeError struct{ error }

// copy reads to the end, or one byte more than the size, at the session's rate.
func (c *Conn) copy(w io.Writer, r io.Reader, size int64) (int64, error) {
	buf := make([]byte, 32<<10)
	began := time.Now()
	var n int64
	for n <= size {
		k, err := r.Read(buf)
		n += int64(k)
		if k > 0 {
			if _, werr := w.Write(buf[:k]); werr != nil {
				return n, &writeError{werr}
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := c.pace(began, n); err != nil {
			return n, err
		}
	}
	return n, nil
}

// pace waits until n bytes since began are no more than the rate allows.
func (c *Conn) pace(began time.Time, n int64) error {
	ahead := time.Duration(float64(n)/float64(c.options.Rate)*float64(time.Second)) - time.Since(began)
	if ahead < 10*time.Millisecond {
		return nil
	}
	t := time.NewTimer(ahead)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// silent marks a failure of the data connection before its first byte.
func (c *Conn) silent(err error) error {
	err = c.cause(err)
	var denied bool
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Denied, fault.Unsupported:
		denied = true
	}
	if denied || c.ctx.Err() != nil || c.data != nil && c.data.got > 0 {
		return err
	}
	return fault.New(fault.Offline, "%w", fmt.Errorf("%w: %w", ErrDataChannel, err))
}

func errChanged(size, got int64) error {
	return fault.New(fault.Conflict, "the file has changed: %d bytes, then %d", size, got)
}
