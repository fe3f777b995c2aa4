# SPDX-License-Identifier: Apache-2.0
# The list of tools (first file) goes into the page kubectl-rk3k.1.in (second file).
function roff(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	return s
}
FNR == NR {
	split($0, f, "\t")
	tools = tools ".TP\n.B " roff(f[1]) "\n" toupper(substr(f[2], 1, 1)) roff(substr(f[2], 2)) ".\n"
	also = also (also ? ",\n" : "") "kubectl\\-rk3k\\-" roff(f[1]) "(1)"
	next
}
/^@TOOLS@$/ { printf "%s", tools; next }
/^@SEEALSO@$/ { print also; next }
{
	sub(/@DATE@/, date)
	sub(/@VERSION@/, version)
	print
}
