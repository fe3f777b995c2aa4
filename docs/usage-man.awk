# SPDX-License-Identifier: Apache-2.0
# A man page from the --help of a shell tool, whose usage text is its option table:
#   awk -v tool=deploy -v summary=... -v date=... -v version=... -f docs/usage-man.awk
# A line that ends with a colon in the first column begins a section; indented lines stay as they
# are, but "  -x, --flag ARG   text" becomes an entry.
function roff(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	if (s ~ /^[.']/)
		s = "\\&" s
	return s
}
# Text in lines of at most 68 characters.
function fill(s, n, w, i, line) {
	n = split(s, w, " ")
	line = ""
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line) + length(w[i]) > 68) {
			print roff(line)
			line = ""
		}
		line = line (line == "" ? "" : " ") w[i]
	}
	if (line != "")
		print roff(line)
}
function end_verbatim() {
	if (verbatim)
		print ".fi"
	verbatim = 0
}
# Lines that stay as they are; long ones are continued as a shell would.
function keep(s) {
	if (!verbatim)
		print ".nf"
	verbatim = 1
	while (length(s) > 76) {
		cut = 72
		while (cut > 20 && substr(s, cut, 1) != " ")
			cut--
		print roff(substr(s, 1, cut - 1))
		s = "    " substr(s, cut + 1)
	}
	print roff(s)
}
# What stands before the first section comes after the synopsis.
function describe() {
	print ".SH DESCRIPTION"
	fill(intro)
}
BEGIN {
	name = "kubectl-rk3k-" tool
	print ".TH " roff(toupper(name)) " 1 " date " \"rk3k " version "\""
	print ".SH NAME"
	print roff(name " -")
	fill(summary)
	titles["Usage"] = "SYNOPSIS"
	titles["Flags"] = "OPTIONS"
	titles["Exit status"] = "EXIT STATUS"
}
# A section of the first lines would be a sentence with a colon in it.
/^[A-Z][A-Za-z ]*:/ && (section != "" || /^Usage:/) {
	end_verbatim()
	if (section == "SYNOPSIS")
		describe()
	match($0, /^[A-Za-z ]*:/)
	title = substr($0, 1, RLENGTH - 1)
	section = title in titles ? titles[title] : toupper(title)
	print ".SH " section
	fill(substr($0, RLENGTH + 1))
	next
}
/^$/ { next }
/^ +-/ && section == "OPTIONS" {
	end_verbatim()
	sub(/^ +/, "")
	match($0, /^(-[A-Za-z], )?--[a-z-]+(\[=[^ ]*\]|[ =][[A-Z][^ ,]*| [a-z]+(\|[a-z]+)+)?/)
	flag = substr($0, 1, RLENGTH)
	text = substr($0, RLENGTH + 1)
	if (text ~ /^,/) {
		flag = $0
		text = "As for kubectl."
	}
	print ".TP"
	print "\\fB" roff(flag) "\\fR"
	fill(text)
	next
}
/^ / { keep(substr($0, 3)); next }
section == "" {
	intro = intro " " $0
	next
}
{
	end_verbatim()
	fill($0)
}
END {
	end_verbatim()
	print ".SH SEE ALSO\nkubectl\\-rk3k(1)"
}
