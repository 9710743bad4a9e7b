package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"text/template"
	"unicode/utf8"
)

// functions are all that a template may call. They can be listed without a budget.
func (b *budget) functions() template.FuncMap {
	all := compared()
	maps.Copy(all, template.FuncMap{
		"toJson": func(v any) (string, error) {
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(v); err != nil {
				return "", err
			}
			return b.text(strings.TrimSuffix(out.String(), "\n"))
		},
		"default": func(other, v any) any {
			if v == nil || v == "" {
				return other
			}
			return v
		},
		"upper":    func(v any) (string, error) { return b.text(strings.ToUpper(plain(v))) },
		"lower":    func(v any) (string, error) { return b.text(strings.ToLower(plain(v))) },
		"text":     func(v any) (string, error) { return b.text(plain(v)) },
		"concat":   b.concat,
		"truncate": func(n int, v any) (string, error) { return b.text(clip(plain(v), n)) },
		"fit":      func(n int, v any) (string, error) { return b.text(fit(plain(v), n)) },
		"urlquery": func(v any) (string, error) { return b.text(url.QueryEscape(plain(v))) },
		"replace": func(from, to string, v any) (string, error) {
			s := plain(v)
			if from == "" || len(s)+strings.Count(s, from)*len(to) > maxOutput {
				return "", errOutput
			}
			return b.text(strings.ReplaceAll(s, from, to))
		},
		"round": func(n int, v any) (string, error) {
			f, ok := measure(v)
			if !ok {
				return b.text(plain(v))
			}
			return b.text(fmt.Sprintf("%.*f", min(max(n, 0), 6), f))
		},
		"duration": func(v any) (string, error) {
			f, ok := measure(v)
			if !ok {
				return b.text(plain(v))
			}
			return b.text(span(int(f)))
		},
	})
	return all
}

// plain is a value as text; unknown is "".
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (b *budget) concat(list ...any) (string, error) {
	var s strings.Builder
	for _, v := range list {
		if s.WriteString(plain(v)); s.Len() > maxOutput {
			return "", errOutput
		}
	}
	return b.text(s.String())
}

// clip is the first n characters.
func clip(s string, n int) string {
	if n < 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}

// fit is as much of a text as n bytes hold, with a mark where it was cut: most
// receivers count bytes, or at least never more than those.
func fit(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	n = max(n-len(mark), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
