# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# wrapper - what the shell tools share: names, messages, the flags of kubectl, calling neighbours.
# A tool defines summary(), usage() and own_flag(), sources this file from its own directory, and
# calls parse; what usage() shows is its option table. What is to be handed to every tool (cluster,
# identity, quiet) is then in flags, what of it says which host also in host, the dry run in dry.

ulimit -Sc 0 # no core dumps: passwords pass through here

ME=rk3k-${0##*/rk3k-}
HERE=$(dirname "$(readlink -f "$0")")
flags=() host=() dry=() config=() conf='' quiet='' yes='' resolve='' current=none verbose='' color=auto given=''

# Lines for usage(): the settings, the way to the host, and what every tool has.
# shellcheck disable=SC2034 # the sourcing script shows them
{
	SETTINGS_FLAGS='  -c, --config FILE      deploy.conf, or the document that config writes
      --set KEY=VALUE    set one key over file and environment; repeatable
      --allow-unknown    accept keys that rk3k does not know, with a warning'
	HOST_FLAGS='      --kubeconfig FILE, --context NAME, --as USER, --request-timeout DURATION
      --resolve HOST:PORT:ADDRESS   connect to ADDRESS for HOST:PORT; repeatable'
	COMMON_FLAGS='  -q, --quiet            only results and errors
  -v, --verbose[=LEVEL]  print more on stderr; repeatable
      --color auto|always|never   colour on stderr; auto obeys NO_COLOR
      --version          show the version
  -h, --help             show this help'
}

# What is said to a person, under the tool's name or, to the filter of deploy, with its kind.
say() { # KIND TEXT
	if [[ ${RK3K_VOICE-} == marks && ! -t 2 ]]; then
		printf '\036%s%s\n' "$1" "$2" >&2
	else
		printf '%s: %s\n' "$ME" "$2" >&2
	fi
}
note() { [[ -n $quiet ]] || say n "$*"; }
warn() { say w "$*"; }
die() { # CODE TEXT...
	say e "${*:2}"
	exit "$1"
}
program() { if [[ -n ${HELM_PLUGIN_NAME:-} ]]; then echo helm; else echo kubectl; fi; }
wrong() { # TEXT
	die 2 "$1; see $(program) rk3k ${ME#rk3k-} --help"
}

# A mistyped word gets the nearest known one from the tools in C.
wrong_word() { # TEXT WORD NAME...
	local near
	near=$("$(path_of version)" __near "${@:2}")
	[[ -n $near ]] || wrong "$1"
	die 2 "$1; did you mean $near?"
}
wrong_flag() { # FLAG
	local text names=("${!kinds[@]}")
	[[ $1 == --* ]] || wrong "unknown flag $1"
	text=$("$(path_of version)" __flag "$1" "${names[@]#--}")
	[[ $text != "unknown flag $1" ]] || wrong "$text"
	die 2 "$text"
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

# helm's users read of helm.
help() { usage | if [[ -n ${HELM_PLUGIN_NAME:-} ]]; then sed 's/kubectl rk3k/helm rk3k/g'; else cat; fi; }

# --- the command line, read as common/cli.c reads it ---

declare -A kinds=() long=() # of a long name its value's placeholder; of a key its long name
words=() plain='' flag='' value=''

# Every word goes to the tool's own_flag.
parse() {
	read_table
	words=("$@")
	[[ $# -eq 0 ]] || given=$(printf ' %q' "$@") # in argv no secret is taken
	while next; do own_flag; done
	flags=("${host[@]}" "${flags[@]}")
	[[ -z $resolve ]] || flags+=("--resolve=$resolve")
	[[ -z $quiet ]] || flags+=(-q)
}

# From lines such as "  -c, --config FILE   text"; some hold several flags, apart by commas.
read_table() {
	local line one='^ +(-([a-zA-Z]), )?(--[a-z-]+)(\[=[^]]*\]| ([[A-Z][^ ,]*|[a-z]+(\|[a-z]+)+))?(,( --.*))?'
	while IFS= read -r line; do
		[[ $line == ' '*--* ]] || continue
		while [[ $line =~ $one ]]; do
			line=${BASH_REMATCH[8]}
			kinds[${BASH_REMATCH[3]}]=${BASH_REMATCH[4]# }
			[[ -z ${BASH_REMATCH[2]} ]] || long[${BASH_REMATCH[2]}]=${BASH_REMATCH[3]}
		done
	done < <(usage)
}

# The next of words: a flag's long name into flag and its value into value, 1 or nothing for true or
# false. An argument has the flag "arg".
next() {
	local word=${words[0]-} name
	[[ ${#words[@]} -gt 0 ]] || return 1
	words=("${words[@]:1}")
	if [[ -n $plain || $word != -?* ]]; then
		flag=arg value=$word
	elif [[ $word == -- ]]; then
		plain=1
		next
	elif [[ $word == --* ]]; then
		name=${word%%=*} flag=${name//_/-}
		[[ $flag != --? ]] || flag=${long[${flag:2}]-$flag} # kubectl's --v=6
		take "$name" "${word#"$name"}"
	else
		name=${word:0:2} flag=${long[${word:1:1}]-$name}
		take_key "$name" "${word:2}"
	fi
}

# Behind a key stands its value, or the next key.
take_key() { # NAME REST
	local rest=$2
	if takes_value || [[ $flag$rest == --verbose[0-9]* ]]; then
		[[ -z $rest ]] || rest="=${rest#=}"
	elif [[ $rest == -* ]]; then
		wrong "unknown flag -- in $1$rest"
	elif [[ -n $rest && $rest != =* ]]; then
		words=("-$rest" "${words[@]}") rest=''
	fi
	take "$1" "$rest"
}

# REST is =VALUE or nothing; a flag that has to have a value then takes the next word.
take() { # NAME REST
	local kind=${kinds[$flag]-unknown}
	value=${2#=}
	if takes_value && [[ -z $2 ]]; then
		[[ ${#words[@]} -gt 0 ]] || wrong "$1 needs a value"
		value=${words[0]-} words=("${words[@]:1}")
	elif [[ -z $kind || $kind == '['[A-Z]* ]]; then
		truth "$@"
	fi
	one_of "$@"
}
takes_value() { [[ ${kinds[$flag]-} == [^[]* ]]; }

truth() { # NAME REST
	case $2 in
	'' | =1 | =t | =T | =true | =TRUE | =True) value=1 ;;
	=0 | =f | =F | =false | =FALSE | =False) value='' ;;
	*) wrong "$1: \"${2#=}\" is neither true nor false" ;;
	esac
}

# Where words stand for the value it is one of them, or left out.
one_of() { # NAME REST
	local list=${kinds[$flag]-} known
	list=${list#'[='} list=${list%]}
	[[ $list == [a-z]*'|'* && -n $2$value ]] || return 0
	IFS='|' read -ra known <<<"$list"
	[[ ${value,,} =~ ^($list)$ ]] || wrong_word "$1: \"$value\" is none of: ${known[*]}" "$value" "${known[@]}"
	value=${value,,}
}

# An argument that no tool expects may be a flag without its dashes.
wrong_argument() {
	local text="unexpected argument \"$value\"" name=--$value
	[[ -z ${kinds[$name]+known} ]] || die 2 "$text; did you mean $name?"
	wrong "$text"
}

# What every shell tool knows.
common_flag() {
	[[ $flag != arg ]] || wrong_argument
	[[ -n ${kinds[$flag]+known} ]] || wrong_flag "$flag"
	case $flag in
	--kubeconfig | --context) host+=("$flag=$value") ;;
	--config) conf=$value ;;
	--set) config+=(--set "$value") ;;
	--allow-unknown) [[ -z $value ]] || config+=("$flag") ;;
	--resolve) resolve+=${resolve:+ }$value ;;
	--dry-run) if [[ $value == none ]]; then dry=(); else dry=("--dry-run=${value:-client}"); fi ;;
	--yes) yes=$value ;;
	--quiet) quiet=$value ;;
	--verbose) flags+=("$flag${value:+=$value}") && verbose=${value:-1} ;;
	--color) flags+=("$flag=$value") && color=$value ;;
	--help) [[ -z $value ]] || { help && exit; } ;;
	--version) [[ -z $value ]] || exec "$(path_of config)" --version ;;
	*) flags+=("$flag=$value") ;;
	esac
}

# What follows an outcome in a dry run, as in the tools in C.
dry_word() {
	case ${dry[*]} in
	'') ;;
	*=server) printf ' (server dry run)' ;;
	*) printf ' (dry run)' ;;
	esac
}

# What only a later step would refuse is refused before the first.
need_step() {
	local near list
	[[ $value != *[!a-z-]* && " $STEPS " == *" $value "* ]] && return
	IFS=' ' read -ra list <<<"$STEPS"
	near=$("$(path_of version)" __near "$value" "${list[@]}")
	die 2 "no step called \"$value\"; ${near:+did you mean $near? }the steps are: $STEPS"
}
need_duration() {
	[[ $value =~ ^[-+]?(0|([0-9]*\.?[0-9]+\.?(ns|us|ms|s|m|h))+)$ ]] ||
		die 2 "$flag: \"$value\" is not a duration such as 90s or 5m"
}

# The host that was meant, in advice.
host_words() { [[ ${#host[@]} -eq 0 ]] || printf ' %q' "${host[@]}"; }
settings_words() {
	local words=(${conf:+-c "$conf"} "${config[@]}")
	if [[ ${conf:--} == - && ${#config[@]} -eq 0 ]]; then
		printf '%s' "${RK3K_HERE-}"
	else
		printf ' %q' "${words[@]}"
	fi
}

# --- questions and settings ---

# Prompt on a terminal; without one the answer cannot be yes.
confirm() {
	local answer
	[[ -z $yes && ${#dry[@]} -eq 0 ]] || return 0
	[[ -t 0 ]] || die 2 "no terminal to prompt on; use --yes"
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

# The deploy.conf of the working directory is taken when none was named.
find_settings() {
	[[ -z $conf && -f deploy.conf ]] || return 0
	conf=deploy.conf
	note "using ./deploy.conf"
}

# --- helm and skopeo ---

helm() { command "${HELM_BIN:-helm}" "$@"; }

# What another program said, from a file: fit for a terminal, without secrets, and shown as its words.
plain() { "$(path_of version)" __plain "$1"; }      # WHO
said() { [[ ! -s $2 ]] || plain "  $1" <"$2" >&2; } # WHO FILE

# A directory, caches and logins of this run alone, for programs that are not to read or change the
# user's. Logins are in files without a name: of those nothing is left behind, even by SIGKILL.
private_home() {
	home=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/$ME-XXXXXX")
	trap 'rm -rf "$home"' EXIT
	nameless 6 && nameless 7
	auth=/dev/fd/6
	export HELM_REGISTRY_CONFIG=$auth HELM_REPOSITORY_CONFIG=/dev/fd/7
	export HELM_REPOSITORY_CACHE=$home/cache HELM_CONTENT_CACHE=$home/content HELM_CACHE_HOME=$home/cache
	mkdir "$home/certs" && [[ -n $ca ]] || return 0
	# they read the CA themselves, and not in every notation that people have
	settings | tool config get --pem PRIVATE_CA_PATH >"$home/certs/ca.crt" || exit 1
	ca=$home/certs/ca.crt
}
logins() {
	settings | tool registries render docker >&6
	settings | tool registries render helm ${ca:+--ca "$ca"} >&7
}

# try WHO MESSAGE CMD...: its words are shown when it fails, as helm does not when an update does.
try() {
	"${@:3}" >"$home/log" 2>&1 </dev/null && ! grep -q 'Unable to get an update' "$home/log" && return
	said "$1" "$home/log"
	die 1 "$2"
}

# The archive of a chart, into a directory. Credentials and CA are for the hosts the user named: in
# logins, and, for a registry, by its PRIVATE being yes.
fetch_chart() { # NAME REPO VERSION PRIVATE DIR
	local chart=$1/$1 args=(--version "$3" --destination "$5")
	local failed
	failed="cannot fetch chart $1 $3 from $2: see: $(program) rk3k registries check$(settings_words)"
	if [[ $2 == oci://* ]]; then
		chart=$2
		[[ -z $ca || $4 != yes ]] || args+=(--ca-file "$ca")
	else
		try helm "$failed" helm repo update "$1"
	fi
	try helm "$failed" helm pull "$chart" "${args[@]}"
}

# The settings, checked and without secrets, into doc; then VAR=KEY pairs into variables.
load_settings() { # CONFIG-ARGS... -- VAR=KEY...
	local args=("${config[@]}" ${conf:+-c "$conf"})
	while [[ $1 != -- ]]; do args+=("$1") && shift; done
	nameless 9       # for answers to hidden questions
	export RK3K_HERE # for what the tools advise, which have the settings from a pipe
	RK3K_HERE=$(settings_words)
	doc=$(tool config "${args[@]}" --secrets-fd 9 ${quiet:+-q})
	unset RK3K_BOOTSTRAP_PW RK3K_HELM_REPO_PASS
	read_settings "${@:2}"
}

# The same for a tool that can be given the document: of -c, else what comes on standard input.
take_settings() { # VAR=KEY...
	if [[ -n $conf && $conf != - ]]; then
		load_settings -- "$@"
		return
	fi
	[[ ! -t 0 ]] || wrong "no settings: use -c deploy.conf"
	doc=$(head -c 1100000) # config takes less, and reports it
	[[ ${#config[@]} -eq 0 ]] || doc=$(settings | tool config -d - "${config[@]}")
	read_settings "$@"
}

read_settings() { # VAR=KEY...
	local pair values i=0
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
	tool preflight --host-only ${one_voice:+--brief} "${flags[@]}" || exit
	export RK3K_VOICE=lines
}

# What could not be determined counts as found: what comes next then says why.
exists() { # TYPE/NAME
	local rc=0
	tool wait "$1" --for=exists --timeout=0 -q "${flags[@]}" >/dev/null 2>&1 || rc=$?
	[[ $rc -ne 3 ]]
}

# One run at a time for a virtual cluster: a Lease, which says who is at work, until this process ends.
hold_lease() { # NAMESPACE CLUSTER
	local rc=0
	exec 7< <(exec "$(path_of lease)" hold "$1/rk3k-$2" "${flags[@]}")
	lease=$!
	trap at_exit EXIT
	read -r -u 7 _ && return
	wait "$lease" || rc=$?
	return "$rc"
}

at_exit() {
	[[ -z ${lease-} ]] || { kill "$lease" 2>/dev/null && wait "$lease"; } || true
	[[ -z $voice ]] || end_voice
}

on_signals() {
	trap 'stopped 130' INT
	trap 'stopped 143' TERM
}

# A fault that does not pass fails again, until it is corrected.
stopped() { # CODE
	local again
	again="$(program) rk3k ${ME#rk3k-}$given"
	if [[ -n $voice ]]; then
		say D "$1"$'\t'"$again   (continues at step $nth)"
	elif [[ $1 -eq 4 || $1 -gt 128 ]]; then
		warn "stopped in step $current; run the same command again to go on"
	else
		warn "stopped in step $current; correct that, then run: $again"
	fi
	exit "$1"
}

# --- one voice on a terminal ---

one_voice='' voice='' nth=0

# A terminal gets one line for each step; a pipe, -v and a dry run get those of every tool.
choose_voice() {
	[[ ! -t 1 || ! -t 2 || ${TERM:-dumb} == dumb || -n $quiet$verbose || ${#dry[@]} -gt 0 ]] || one_voice=1
}

# From here on what is said goes through a filter, and what is printed into a file that it reads.
begin_voice() {
	[[ -n $one_voice ]] || return 0
	nameless 8
	exec 5>&1 6>&2
	coproc VOICE { exec "$(path_of version)" __voice "$color" >&8 2>&6; }
	voice=$VOICE_PID
	exec >&8 2>&"${VOICE[1]}"
	eval "exec ${VOICE[1]}>&-"
	export RK3K_VOICE=marks
	trap at_exit EXIT
}
end_voice() {
	exec >&5 2>&6
	wait "$voice" || true
	voice=''
}

# begin_step STEP OF TITLE [USUAL-TIME]
begin_step() {
	current=$1 nth=$((nth + 1))
	if [[ -n $voice ]]; then say S "$nth/$2"$'\t'"$3"$'\t'"${4-}"; else note "== $1"; fi
}
end_step() { [[ -z $voice ]] || say D "$1"; } # CODE

# --- completion, in the form of kubectl's, from the same table ---

complete() { # WORD...
	local word last at='' before='' nargs=0 given=()
	[[ $# -gt 0 ]] || set -- ''
	word=${*: -1}
	die() { :; } # errors in the words before do not matter here
	read_table
	words=("$@")
	[[ $word != - && $word != -- ]] || words[-1]=--none # nothing of the flag is typed yet
	last=${words[-1]}
	while next; do
		before=$at at=$flag
		[[ $flag != --kubeconfig ]] || given=("--kubeconfig=$value")
		[[ $flag != arg ]] || nargs=$((nargs + 1))
	done
	if [[ $flag == arg ]]; then
		complete_as "$(argument)"
	elif [[ $value == "$last" ]]; then
		complete_as "${kinds[$flag]-}"
	elif [[ $word == --*=* ]]; then
		word=${word#*=}
		complete_as "${kinds[$flag]:-true|false}"
	else
		mapfile -t list < <(printf '%s\n' "${!kinds[@]}" | sort)
		choices "${list[@]}"
	fi
}

# The placeholder of an argument: of a flag such as --init [FILE], or in the line below Usage.
argument() {
	case ${kinds[${before:-none}]-} in
	'['[A-Z]*) echo "${kinds[$before]}" ;;
	*) [[ $nargs -ne 1 ]] || usage | sed -nE '/^Usage:/,/^$/s/.* ([a-z]+([|][a-z]+)+|\[DIR\])( .*)?$/\1/p' ;;
	esac
}

complete_as() { # KIND
	local kind=$1 list
	kind=${kind#[[]} kind=${kind#=} kind=${kind%]}
	case $kind in
	*FILE*) echo :0 ;;
	DIR) echo :16 ;;
	NAME) exec "$(path_of names)" --complete "${given[@]}" context ;;
	STEP) IFS=' ' read -ra list <<<"$STEPS" && choices "${list[@]}" ;;
	[a-z]*'|'*) IFS='|' read -ra list <<<"$kind" && choices "${list[@]}" ;;
	*) choices ;;
	esac
}
choices() { # WORD...
	local choice
	for choice; do [[ $choice != "$word"* ]] || printf '%s\n' "$choice"; done
	echo :4
}

if [[ ${1:-} == __complete ]]; then
	complete "${@:2}"
	exit
elif [[ $* == --summary ]]; then
	summary
	exit
fi
