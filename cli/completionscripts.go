package cli

import (
	"fmt"
	"strings"
)

// bashScript looks at the line itself: bash would cut words at ":" and "=".
func bashScript(all []place) string {
	var b strings.Builder
	b.WriteString(`# bash completion for printwire; load it with: source <(printwire completion bash)
_printwire() {
	local line=${COMP_LINE:0:COMP_POINT} at="" before="" list="" files="" token IFS=$' \t\n'
	local word=${line##*[[:space:]=]}
	local head=${line%"$word"}
	local -a tokens
	read -ra tokens <<<"${head//=/ }"
	for token in "${tokens[@]:1}"; do
		before=$token
		case "$at $token" in
`)
	fmt.Fprintf(&b, "\t\t%s) at=\"$at $token\" ;;\n\t\tesac\n\tdone\n\tcase \"$at $before\" in\n", strings.Join(paths(all), " | "))
	cases(all, &b, func(o option) string {
		switch {
		case o.files:
			return "files=1"
		case len(o.words) > 0:
			return "list=" + quoted(strings.Join(o.words, " "))
		}
		return "return"
	})
	b.WriteString("\t*) case \"$at\" in\n")
	for _, p := range all {
		words := append([]string{}, p.args...)
		for _, c := range p.commands {
			words = append(words, c.text)
		}
		for _, o := range p.flags {
			words = append(words, o.text)
		}
		files := ""
		if p.files {
			files = ` && [[ $word != -* ]] && files=1`
		}
		fmt.Fprintf(&b, "\t\t%s) list=%s%s ;;\n", quoted(p.path), quoted(strings.Join(words, " ")), files)
	}
	b.WriteString(`		esac ;;
	esac
	if [[ -n $files ]]; then
		compopt -o filenames 2>/dev/null
		IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$word"))
		return
	fi
	COMPREPLY=($(compgen -W "$list" -- "$word"))
	# What stands before a ":" is on the line already.
	local done=${word%"${word##*:}"}
	COMPREPLY=("${COMPREPLY[@]#"$done"}")
}
complete -F _printwire printwire
`)
	return b.String()
}

// zshScript shows what each word means beside it.
func zshScript(all []place) string {
	var b strings.Builder
	b.WriteString(`#compdef printwire
# zsh completion for printwire; load it with: source <(printwire completion zsh)
_printwire() {
	local at="" before="" token
	local -a found
	for token in "${(@)words[2,CURRENT-1]}"; do
		before=$token
		case "$at $token" in
`)
	fmt.Fprintf(&b, "\t\t%s) at=\"$at $token\" ;;\n\t\tesac\n\tdone\n", strings.Join(paths(all), " | "))
	b.WriteString(`	if [[ $words[CURRENT] == --*=* ]]; then
		before=${words[CURRENT]%%=*}
		compset -P '*='
	fi
	case "$at $before" in
`)
	cases(all, &b, func(o option) string {
		switch {
		case o.files:
			return "_files; return"
		case len(o.words) > 0:
			return "compadd -- " + strings.Join(o.words, " ") + "; return"
		}
		return "return"
	})
	b.WriteString("\tesac\n\tcase \"$at\" in\n")
	describe := func(w choice) string {
		return quoted(strings.ReplaceAll(w.text, ":", `\:`) + ":" + w.help)
	}
	for _, p := range all {
		var found []string
		for _, a := range p.args {
			found = append(found, quoted(a))
		}
		for _, c := range p.commands {
			found = append(found, describe(c))
		}
		for _, o := range p.flags {
			found = append(found, describe(o.choice))
		}
		files := ""
		if p.files {
			files = ` [[ $words[CURRENT] == -* ]] || _files;`
		}
		fmt.Fprintf(&b, "\t%s)%s found=(%s) ;;\n", quoted(p.path), files, strings.Join(found, " "))
	}
	b.WriteString(`	esac
	_describe printwire found
}
if [[ $funcstack[1] == _printwire ]]; then
	_printwire "$@"
else
	compdef _printwire printwire
fi
`)
	return b.String()
}

// fishScript has a line for each command and flag.
func fishScript(all []place) string {
	var b strings.Builder
	quote := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	b.WriteString(`# fish completion for printwire; load it with: printwire completion fish | source
function __printwire_at
	set -l at ""
	set -l tokens (commandline -opc)
	for token in $tokens[2..-1]
		switch "$at $token"
			case `)
	for _, p := range all[1:] {
		b.WriteString(quote(p.path) + " ")
	}
	b.WriteString("\n\t\t\t\tset at \"$at $token\"\n\t\tend\n\tend\n\ttest \"$at\" = \"$argv[1]\"\nend\ncomplete -c printwire -f\n")
	for _, p := range all {
		here := "complete -c printwire -n " + quote("__printwire_at "+quote(p.path))
		for _, c := range p.commands {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", here, c.text, quote(c.help))
		}
		if len(p.args) > 0 {
			fmt.Fprintf(&b, "%s -a %s\n", here, quote(strings.Join(p.args, " ")))
		}
		if p.files {
			b.WriteString(here + " -F\n")
		}
		for _, o := range p.flags {
			value := ""
			switch {
			case o.files:
				value = " -r -F"
			case o.value:
				value = " -x -a " + quote(strings.Join(o.words, " "))
			}
			fmt.Fprintf(&b, "%s -l %s%s -d %s\n", here, strings.TrimPrefix(o.text, "--"), value, quote(o.help))
		}
	}
	return b.String()
}
