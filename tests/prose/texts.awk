# SPDX-License-Identifier: Apache-2.0
# texts.awk - what a person reads in C or shell, on the line where it begins: comments, and string
# literals that hold a blank. Other lines are empty, so that line numbers are those of the source.
# -v shell=1: comments are after #, strings in either kind of quotes.

function emit(text) { if (text != "") line[at] = line[at] " " text }

function end_string() {
	if (str ~ /[a-z] [a-z]/) emit(str)
	str = ""
	open = ""
}

function take_string(c, e) {
	if (c == "\\" && open == "\"") {
		e = substr($0, i + 1, 1)
		str = str (e == "n" || e == "t" ? " " : e == "\"" ? "\"" : "")
		i++
	} else if (c == open) {
		open = "between" # a literal may go on after it
	} else {
		str = str c
	}
}

function take_comment(c) {
	if (!shell && substr($0, i, 2) == "*/") {
		emit(note)
		note = ""
		open = ""
		i++
	} else {
		note = note c
	}
}

function begin(c, two) {
	if (open == "between" && c ~ /[^ \t"]/) end_string()
	if (shell ? c == "#" && (i == 1 || substr($0, i - 1, 1) ~ /[ \t]/) : two == "//") {
		emit(substr($0, i + (shell ? 1 : 2)))
		i = length($0)
	} else if (!shell && two == "/*") {
		at = NR
		open = "comment"
		i++
	} else if (c == "\"" || (shell && c == "'")) {
		if (open != "between") at = NR
		open = c
	} else if (c == "'") {
		i += substr($0, i + 1, 1) == "\\" ? 3 : 2
	}
}

{
	if (open == "") at = NR
	for (i = 1; i <= length($0); i++) {
		c = substr($0, i, 1)
		if (open == "\"" || open == "'") take_string(c)
		else if (open == "comment") take_comment(c)
		else begin(c, substr($0, i, 2))
	}
	if (open == "comment") {
		sub(/[ \t*]+$/, "", note)
		note = note " "
	} else if (shell && open == "between") {
		end_string()
	}
}

END {
	end_string()
	for (n = 1; n <= NR; n++) {
		gsub(/[ \t]+\*? +/, " ", line[n])
		print line[n]
	}
}
