package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
)

// completionCmd prints what makes a shell complete this command line.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script, which is made from the tree of commands.
func (c completionCmd) Run(env Env, parsed *kong.Context) error {
	scripts := map[string]func([]place) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	_, err := io.WriteString(env.Stdout, scripts[c.Shell](places(parsed.Model.Node, "")))
	return err
}

// place is one command of the tree, and what may follow it.
type place struct {
	// path is the words that lead here, each with a blank before it.
	path     string
	commands []choice
	flags    []option
	// args are the words that an argument may be; files: it is a file's name.
	args  []string
	files bool
}

// choice is a word with what it means.
type choice struct{ text, help string }

// option is a flag and what its value may be.
type option struct {
	choice
	// value: it has one. files: it is a file's name.
	value, files bool
	words        []string
}

// places are a command and all below it.
func places(n *kong.Node, path string) []place {
	p := place{path: path}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			p.flags = append(p.flags, options(f)...)
		}
	}
	if n.DefaultCmd != nil {
		for _, f := range n.DefaultCmd.Flags {
			p.flags = append(p.flags, options(f)...)
		}
	}
	for _, arg := range n.Positional {
		p.args = append(p.args, wordsOf(arg)...)
		p.files = p.files || isFile(arg, strings.ToUpper(arg.Name))
	}
	var below []place
	for _, child := range n.Children {
		if !child.Hidden {
			p.commands = append(p.commands, choice{child.Name, child.Help})
			below = append(below, places(child, path+" "+child.Name)...)
		}
	}
	return append([]place{p}, below...)
}

// options are a flag in its spellings.
func options(f *kong.Flag) []option {
	o := option{choice: choice{"--" + f.Name, f.Help}, value: !f.IsBool(), words: wordsOf(f.Value)}
	o.files = o.value && isFile(f.Value, f.PlaceHolder)
	list := []option{o}
	if f.Tag.Negatable != "" {
		list = append(list, option{choice: choice{"--no-" + f.Name, f.Help}})
	}
	return list
}

// isFile tells whether a value is the name of a file or folder.
func isFile(v *kong.Value, name string) bool {
	return slices.Contains([]string{"existingfile", "existingdir", "path"}, v.Tag.Type) || name == "FILE" || name == "DIR"
}

// wordsOf are the words that a value may be, as far as they are known here:
// those of its enumeration, or of its tag "words", where some lists have names.
func wordsOf(v *kong.Value) []string {
	text := cmp.Or(v.Tag.Get("words"), v.Enum)
	if text == "" {
		return nil
	}
	if named, ok := wordLists()[text]; ok {
		return named()
	}
	return strings.Split(text, ",")
}

// wordLists are the lists that the tag "words" names.
func wordLists() map[string]func() []string {
	return map[string]func() []string{
		"scopes":     scopes,
		"statuses":   app.ArchiveStatuses,
		"events":     app.WebhookEvents,
		"jobs":       app.JobNames,
		"deliveries": app.DeliveryStates,
		"formats":    formats,
		"clearable":  clearable,
	}
}

// scopes are the words for what a key may do.
func scopes() []string {
	words := presets()
	for _, row := range auth.Scopes() {
		words = append(words, string(row.Scope))
	}
	return words
}

func formats() []string {
	var words []string
	for _, f := range app.WebhookFormats() {
		words = append(words, f.Name)
	}
	return words
}

// quoted is text in single quotes, which bash and zsh take as it is.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// paths are the patterns of all commands but the root.
func paths(all []place) []string {
	var list []string
	for _, p := range all[1:] {
		list = append(list, quoted(p.path))
	}
	return list
}

// cases are the branches of a "case" that tell what may stand behind a flag:
// words, a file, or what nobody can guess.
func cases(all []place, b *strings.Builder, branch func(o option) string) {
	for _, p := range all {
		for _, o := range p.flags {
			if o.value {
				fmt.Fprintf(b, "\t%s) %s ;;\n", quoted(p.path+" "+o.text), branch(o))
			}
		}
	}
}
