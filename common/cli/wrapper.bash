# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# wrapper - what the shell tools share: options, messages, calling neighbours. A tool defines usage(),
# which prints its option table and help in the form that common/cli/shell.c reads, and own_flag(),
# sources this file from its own directory, and calls parse. What is to be handed to every tool
# (cluster, identity, quiet) is then in flags, what of it selects the host cluster also in host, the
# dry run in dry.

ulimit -Sc 0 # no core dumps: passwords pass through here

ME=rk3k-${0##*/rk3k-}
HERE=$(dirname "$(readlink -f "$0")")
flags=() host=() dry=() config=() conf='' quiet='' yes='' resolve='' current=none verbose='' color=auto given=''

# Rows of usage(): the settings and the host cluster.
# shellcheck disable=SC2034 # the sourcing script prints them
{
	SETTINGS_FLAGS='  -c, --config FILE      deploy.conf, or the document that config writes
      --set KEY=VALUE    set one key over file and environment; repeatable
      --allow-unknown    accept keys that rk3k does not know, with a warning'
	HOST_FLAGS='      --kubeconfig
      --context
      --as
      --resolve
      --request-timeout'
}

# Prints a message for a person, under the tool's name or, to the filter of deploy, with its kind.
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

# Where a neighbour is, as the dispatcher finds it, but never through PATH.
path_of() { # TOOL
	local dir=${RK3K_EXEC_PATH:-$HERE}
	[[ -x $dir/rk3k-$1 ]] || dir=$HERE
	printf '%s\n' "$dir/rk3k-$1"
}
tool() {
	"$(path_of "$1")" "${@:2}"
}

# --- the command line, which the parser of the tools in C reads ---

cli() { "$(path_of version)" __shell "${ME#rk3k-}" "$(usage)" "$@"; }

# Each flag, in order, is passed to the tool's own_flag: its long name in flag and its value in value, 1 or
# nothing for true or false. An argument has the flag "arg", a verb "verb".
parse() {
	local list
	mapfile -d '' -t list < <(cli "$@")
	wait $! || exit
	[[ $# -eq 0 ]] || given=$(printf ' %q' "$@") # no secret is taken as an argument
	set -- "${list[@]}"
	while [[ $# -gt 0 ]]; do
		flag=$1 value=$2
		shift 2
		own_flag
	done
	flags=("${host[@]}" "${flags[@]}")
	[[ -z $resolve ]] || flags+=("--resolve=$resolve")
	[[ -z $quiet ]] || flags+=(-q)
}

# What every shell tool has.
common_flag() {
	case $flag in
	text) printf '%s' "$value" && exit ;; # of --help or --version
	--kubeconfig | --context) host+=("$flag=$value") ;;
	--config) conf=$value ;;
	--set) config+=(--set "$value") ;;
	--allow-unknown) [[ -z $value ]] || config+=("$flag") ;;
	--resolve) resolve+=${resolve:+ }$value ;;
	--dry-run) if [[ $value == none ]]; then dry=(); else dry=("--dry-run=$value"); fi ;;
	--yes) yes=$value ;;
	--quiet) quiet=$value ;;
	--verbose) flags+=("$flag${value:+=$value}") && verbose=${value:-1} ;;
	--color) flags+=("$flag=$value") && color=$value ;;
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

# The flags of the selected host cluster, in hints.
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
	[[ -z $yes && ${#dry[@]} -eq 0 ]] || return 0
	[[ -t 0 ]] || die 2 "no terminal to prompt on; use --yes"
	"$(path_of version)" __confirm "$1" || { warn "aborted" && exit 0; }
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
exists() { # TYPE/NAME [FLAG...]
	local rc=0
	tool wait "$@" --for=exists --timeout=0 -q "${flags[@]}" >/dev/null 2>&1 || rc=$?
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
	[[ -n $voice ]] || return 0
	exec >&5 2>&6
	wait "$voice" || true
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

# From here on messages are written through a filter, and output to a file that it reads.
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

# begin_step STEP OF TITLE [USUAL-TIME]
begin_step() {
	current=$1 nth=$((nth + 1))
	if [[ -n $voice ]]; then say S "$nth/$2"$'\t'"$3"$'\t'"${4-}"; else note "== $1"; fi
}
end_step() { [[ -z $voice ]] || say D "$1"; } # CODE

case ${1-} in
__complete | __man | --summary)
	cli "$@"
	exit
	;;
esac
