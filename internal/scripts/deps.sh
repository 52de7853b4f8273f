#!/bin/sh
# Installs the servers that the tests talk to, where they are missing: Postgres,
# Prometheus, Chromium and, if it is to be had, VictoriaMetrics; or those of
# them that are named, such as `deps.sh postgres`.
#
# It says one line for each thing it does and never asks anything. It starts no
# service and leaves the system's rules about services as it found them. What
# it cannot install it names, and succeeds all the same: the tests that need it
# skip and say why.
set -u

say() { printf 'deps: %s\n' "$*"; }

# has TOOL: is it on this machine? Postgres's server programs are seldom on the
# path.
has() {
	case $1 in
	postgres)
		for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
			/usr/local/opt/postgresql*/bin; do
			[ -x "$dir/initdb" ] && return
		done
		command -v initdb >/dev/null
		;;
	chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# still_missing TOOL...: those that are not here.
still_missing() {
	for tool; do
		has "$tool" || printf '%s ' "$tool"
	done
}

# package TOOL: its name for this machine's package manager, or nothing.
package() {
	case $manager:$1 in
	apt-get:postgres) echo postgresql ;;
	dnf:postgres) echo postgresql-server ;;
	brew:postgres) echo postgresql@15 ;;
	dnf:prometheus) echo golang-github-prometheus ;;
	dnf:victoria-metrics) ;;
	brew:victoria-metrics) echo victoriametrics ;;
	*) echo "$1" ;;
	esac
}

# find_manager sets manager, and root to what makes a command run as root.
find_manager() {
	manager='' root=''
	if command -v brew >/dev/null; then
		manager=brew
		return
	fi
	for candidate in apt-get dnf; do
		command -v "$candidate" >/dev/null && manager=$candidate && break
	done
	[ -n "$manager" ] || return
	[ "$(id -u)" = 0 ] && return
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		root='sudo -n'
		return
	fi
	say "not root, and sudo would ask for a password: nothing is installed"
	manager=''
}

# install_one PACKAGE: quietly, without questions.
install_one() {
	case $manager in
	apt-get)
		$root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			-o DPkg::Lock::Timeout=120 "$1"
		;;
	dnf) $root dnf install -y --setopt=install_weak_deps=False "$1" ;;
	brew) if [ "$1" = chromium ]; then brew install --cask chromium; else brew install "$1"; fi ;;
	esac </dev/null >"$log" 2>&1
}

# Debian starts what it installs, unless policy-rc.d says no, and makes a
# database cluster of its own, unless it is told not to.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/invoq.conf

hold_services() {
	[ "$manager" = apt-get ] || return 0
	$root mkdir -p "$(dirname $no_cluster)"
	echo 'create_main_cluster = false' | $root tee $no_cluster >/dev/null
	if [ -x $policy ]; then
		$policy prometheus start >/dev/null 2>&1
		[ $? != 101 ] || return 0 # It says no already.
	fi
	if [ -e $policy ]; then
		$root mv $policy $policy.invoq
	else
		made=yes
	fi
	printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
	$root chmod 755 $policy
}

# release_services undoes hold_services, wherever that was interrupted.
release_services() {
	[ "$manager" = apt-get ] || return 0
	$root rm -f $no_cluster
	if [ -e $policy.invoq ]; then
		$root mv -f $policy.invoq $policy
	elif [ -n "$made" ]; then
		$root rm -f $policy
	fi
	made=''
}

# keep_off TOOL: a service that came with the package must not start with the
# machine either.
keep_off() {
	[ "$manager" = apt-get ] && command -v systemctl >/dev/null || return 0
	$root systemctl disable "$1.service" >/dev/null 2>&1
}

# install_all TOOL...
install_all() {
	if [ "$manager" = apt-get ]; then
		say "apt-get update"
		$root apt-get update </dev/null >"$log" 2>&1 || say "  $(tail -n 1 "$log")"
	fi
	hold_services
	for tool; do
		name=$(package "$tool")
		[ -n "$name" ] || continue
		say "$manager install $name"
		if install_one "$name"; then
			keep_off "$tool"
		else
			say "  $(grep -E '^(E:|Error)' "$log" | head -n 1)"
		fi
	done
	release_services
}

[ $# != 0 ] || set -- postgres prometheus chromium victoria-metrics
missing=$(still_missing "$@")
[ -n "$missing" ] || exit 0

log=$(mktemp) manager='' made=''
trap 'release_services; rm -f "$log"' EXIT
trap 'exit 130' INT TERM HUP
find_manager
# shellcheck disable=SC2086 # a list of words
[ -z "$manager" ] || install_all $missing
for tool in $(still_missing "$@"); do
	say "$tool is missing: what needs it does not work, and tests of that skip"
done
