package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// column is one column of a table: its head, and what stands in it.
type column[R any] struct {
	head string
	cell func(R) string
}

// ask sends one request to the bridge and shows its answer: in words for
// people, or as it is for programs. A nil body sends none.
func ask[R any](ctx context.Context, env Env, d dataFlag, method, path string, body any, words func(io.Writer, R) error) error {
	var answer R
	if err := d.call(ctx, env, method, path, body, &answer); err != nil {
		return err
	}
	return d.show(env, answer, func(w io.Writer) error { return words(w, answer) })
}

// list shows rows that the bridge has as a table.
func list[R any](ctx context.Context, env Env, d dataFlag, path string, columns []column[R]) error {
	return ask(ctx, env, d, http.MethodGet, path, nil, func(w io.Writer, rows []R) error { return table(w, rows, columns) })
}

// show shows a single thing that the bridge has, a field a line.
func show[R any](ctx context.Context, env Env, d dataFlag, path string, fields func(R) []field) error {
	return ask(ctx, env, d, http.MethodGet, path, nil, func(w io.Writer, r R) error { return card(w, fields(r)) })
}

// tell has the bridge do something, and tells in a sentence that it is done.
func tell[R any](ctx context.Context, env Env, d dataFlag, method, path string, body any, sentence func(R) string) error {
	return ask(ctx, env, d, method, path, body, func(w io.Writer, r R) error {
		_, err := fmt.Fprintln(w, sentence(r))
		return err
	})
}

// table writes rows under the heads of their columns.
func table[R any](w io.Writer, rows []R, columns []column[R]) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cell func(column[R]) string) {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = printable(cell(c))
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	line(func(c column[R]) string { return c.head })
	for _, r := range rows {
		line(func(c column[R]) string { return c.cell(r) })
	}
	return t.Flush()
}

// field is one line about a single thing; an empty value is left out.
type field struct{ name, value string }

// card writes fields, one a line.
func card(w io.Writer, fields []field) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(t, "%s:\t%s\n", f.name, printable(f.value))
		}
	}
	return t.Flush()
}

// printable keeps what printers and files are called from moving the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// stamp is a time in a table, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// figure is a number with its unit, "" when it is unknown.
func figure[N int | float64](n *N, unit string) string {
	if n == nil {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf("%v %s", *n, unit), " ")
}

// money is an amount in a currency, to its hundredth, "" when it is unknown.
func money(amount *float64, currency string) string {
	if amount == nil {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf("%.2f %s", *amount, currency), " ")
}

// lasting is a number of seconds as people say it, "" when it is unknown.
func lasting(seconds *int) string {
	if seconds == nil {
		return ""
	}
	d := time.Duration(*seconds) * time.Second
	if d < time.Minute {
		return d.String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
