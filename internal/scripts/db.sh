#!/bin/sh
# Runs a throw-away Postgres on a Unix socket until Ctrl-C, and prints its URL.
# Nothing of it stays. initdb refuses to run as root, so root becomes the user
# postgres, whom every package of Postgres brings along.
set -eu

bin=''
for dir in "$(dirname "$(command -v initdb 2>/dev/null || echo none/none)")" \
	/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
	[ ! -x "$dir/initdb" ] || bin=$dir
done
if [ -z "$bin" ]; then
	echo "db: no Postgres server on this machine; internal/scripts/deps.sh installs one" >&2
	exit 1
fi

# Unix sockets have short names, so not below TMPDIR, which may be long.
dir=$(mktemp -d /tmp/invoq-db.XXXXXX)
as=''
if [ "$(id -u)" = 0 ]; then
	as='setpriv --reuid=postgres --regid=postgres --clear-groups --'
	chown postgres "$dir"
fi
server=''
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server"; }; rm -rf "$dir"' EXIT
trap 'exit 0' INT TERM HUP

cd /
$as "$bin/initdb" -D "$dir/data" -U invoq -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
$as "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c timezone=UTC &
server=$!
echo "db: postgres:///postgres?user=invoq&host=$dir"
wait "$server"
