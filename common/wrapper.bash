# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# wrapper - what the shell tools share: names, messages, the flags of kubectl, calling neighbours.
# A tool defines summary() and usage(), sources this file from its own directory, and calls
# common_flag in its parser for every argument it does not know itself. What is to be handed to
# every tool (cluster, identity, quiet) is in flags, the dry run in dry.

ME=rk3k-${0##*/rk3k-}
HERE=$(dirname "$(readlink -f "$0")")
flags=() host_flags=() dry=() on_host='' quiet='' yes='' used=0 resolve='' current=none

note() { [[ -n $quiet ]] || printf '%s: %s\n' "$ME" "$*" >&2; }
warn() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { # CODE TEXT...
	warn "${@:2}"
	exit "$1"
}

# Where a neighbour is, as the dispatcher finds it, but never through PATH.
path_of() { # TOOL
	local dir=${RK3K_EXEC_PATH:-$HERE}
	[[ -x $dir/rk3k-$1 ]] || dir=$HERE
	printf '%s\n' "$dir/rk3k-$1"
}
tool() {
	"$(path_of "$1")" "${@:2}"
}

# The value of a flag given as --f=V or --f V; sets value, and used to the words taken.
take() {
	used=1
	if [[ $1 == --*=* ]]; then
		value=${1#*=}
	else
		[[ $# -ge 2 ]] || die 2 "$1 needs a value; try --help"
		value=$2 used=2
	fi
}

# What only a later step would refuse is refused before the first.
need_step() {
	[[ $value != *[!a-z-]* && " $STEPS " == *" $value "* ]] ||
		die 2 "no step called \"$value\"; the steps are: $STEPS"
}
need_duration() {
	[[ $value =~ ^[-+]?(0|([0-9]*\.?[0-9]+\.?(ns|us|ms|s|m|h))+)$ ]] ||
		die 2 "${1%%=*}: \"$value\" is not a duration such as 90s or 5m"
}

# helm's users read of helm.
help() { usage | if [[ -n ${HELM_PLUGIN_NAME:-} ]]; then sed 's/kubectl rk3k/helm rk3k/g'; else cat; fi; }

# One flag that every shell tool knows; sets used.
common_flag() {
	local value
	# shellcheck disable=SC2034 # the sourcing script's parser shifts by it
	used=1
	case $1 in
	--resolve | --resolve=*)
		take "$@"
		resolve+=${resolve:+ }$value
		;;
	--kubeconfig | --kubeconfig=* | --context | --context=* | --as | --as=* | --request-timeout | --request-timeout=*)
		take "$@"
		flags+=("${1%%=*}=$value")
		[[ $1 != --[kc]* ]] || on_host+=" ${1%%=*}=$(printf %q "$value")" # for advice
		case $1 in
		--kubeconfig*) host_flags+=("--host-kubeconfig=$value") ;;
		--context*) host_flags+=("--context=$value") ;;
		esac
		;;
	--dry-run | --dry-run=client) dry=(--dry-run=client) ;;
	--dry-run=server) dry=(--dry-run=server) ;;
	--dry-run=none) dry=() ;;
	-y | --yes) yes=1 ;;
	-q | --quiet) quiet=1 flags+=(-q) ;;
	-v | -v=* | -vv* | --verbose | --verbose=* | --color=*) flags+=("$1") ;;
	-h | --help) help && exit 0 ;;
	--version) exec "$(path_of config)" --version ;;
	--summary) summary && exit 0 ;;
	*) die 2 "unknown argument: $1; try --help" ;;
	esac
}

# What every tool is given; after the arguments are read.
flags_done() {
	[[ -z $resolve ]] || flags+=("--resolve=$resolve")
}

# Ask on a terminal; without one there is nobody to say yes.
confirm() {
	local answer
	[[ -z $yes && ${#dry[@]} -eq 0 ]] || return 0
	[[ -t 0 ]] || die 2 "no terminal to ask on; say --yes"
	read -r -p "$1 [y/N] " answer || true
	[[ $answer == [yY] || $answer == [yY]es ]] || { warn "aborted" && exit 0; }
}

# A file without a name as a descriptor: nothing is left of it after the last process that holds it,
# however that ends.
nameless() { # DESCRIPTOR
	local file dir=/dev/shm
	[[ -d $dir && -w $dir ]] || dir=${TMPDIR:-/tmp}
	file=$(umask 077 && mktemp "$dir/rk3k-XXXXXX")
	eval "exec $1<>\"\$file\""
	rm -f "$file"
}

# The settings, checked and without secrets, into doc; then VAR=KEY pairs into variables.
load_settings() { # CONFIG-ARGS... -- VAR=KEY...
	local args=() pair values i=0
	flags_done
	while [[ $1 != -- ]]; do args+=("$1") && shift; done
	shift
	nameless 9 # for answers to hidden questions
	doc=$(tool config "${args[@]}" --secrets-fd 9 ${quiet:+-q})
	unset RK3K_BOOTSTRAP_PW RK3K_HELM_REPO_PASS
	mapfile -t values < <(settings | tool config get "${@#*=}")
	[[ ${#values[@]} -eq $# ]] || die 1 "the settings could not be read back"
	for pair; do
		printf -v "${pair%%=*}" '%s' "${values[i]}"
		i=$((i + 1))
	done
}
settings() { printf '%s\n' "$doc"; }

# Name the host, and refuse to act inside a virtual cluster.
host_only() {
	tool preflight --host-only "${flags[@]}" || exit
}

on_signals() {
	trap 'stopped 130' INT
	trap 'stopped 143' TERM
}

stopped() { # CODE
	warn "stopped in step ${current}; run the same command again to go on"
	exit "$1"
}

# Choices for the last word, in the form of kubectl's completion: the flags and verbs that usage()
# shows, and what the placeholders of its flags stand for.
complete() {
	local word=${*: -1} flag='' lead='' kind
	[[ $# -lt 2 ]] || flag=${*: -2:1}
	[[ $word != --*=* ]] || { flag=${word%%=*} && lead=$flag= && word=${word#*=}; }
	[[ $flag =~ ^--?[a-z-]+$ ]] || flag='no flag'
	kind=$(usage | sed -nE "s/^ .*(^|[ ,])${flag}(, --[a-z-]+)?[ =][[]?([A-Z]+).*/\\3/p" | sed q)
	case $lead$kind in
	--dry-run=*) choices none client server ;;
	*FILE | *DIR) echo :0 && return ;;
	*STEP) mapfile -d ' ' -t list <<<"$STEPS" && choices "${list[@]//$'\n'/}" ;;
	*NAME) exec "$(path_of names)" --complete context ;;
	'') [[ -n $lead || ($word != -* && $# -gt 1) ]] || { mapfile -t list < <(words "$word") && choices "${list[@]}"; } ;;
	esac
	echo :4
}
choices() { # WORD...
	for kind; do [[ $kind != "$word"* ]] || printf '%s\n' "$kind"; done
}
words() {
	case $1 in
	-*) usage | grep -oE -e '(^|[ ,])--[a-z][a-z-]*' | tr -d ' ,' | sort -u ;;
	*) usage | sed -nE '/^Usage:/,/^$/s/.* ([a-z]+([|][a-z]+)+) .*/\1/p' | tr '|' '\n' ;;
	esac
}

if [[ ${1:-} == __complete ]]; then
	complete "${@:2}"
	exit
fi
