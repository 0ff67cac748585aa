#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: servers, headers, and readers of our output.
# Nothing is started: the tests start their own servers on ports of their own.
set -euo pipefail

# command or file -> Debian package
needed=(
    mariadbd:mariadb-server redis-server:redis-server memcached:memcached
    rabbitmq-server:rabbitmq-server
    /usr/include/mariadb/mysql.h:libmariadb-dev pkg-config:pkg-config gcc:gcc
    '/usr/lib/postgresql/*/bin/postgres:postgresql'
    icinga2:icinga2-bin /usr/share/perl5/Monitoring/Plugin.pm:libmonitoring-plugin-perl
    chromium:chromium /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core
    /lib/systemd/systemd-journal-remote:systemd-journal-remote journalctl:systemd
    /usr/lib/nagios/plugins/check_mysql:monitoring-plugins-standard
    /usr/lib/nagios/plugins/check_disk:monitoring-plugins-basic openssl:openssl git:git
    nagios4:nagios4-core nginx:nginx-light hyperfine:hyperfine ab:apache2-utils pgrep:procps chronyd:chrony
    '/usr/lib/*/faketime/libfaketime.so.1:libfaketime'
)
missing=()
for pair in "${needed[@]}"; do
    thing=${pair%%:*}
    if ! compgen -G "$thing" >/dev/null && ! PATH="$PATH:/usr/sbin" command -v "$thing" >/dev/null; then
        missing+=("${pair##*:}")
    fi
done
# Debian's own Python comes without its headers, which the MySQL driver is built with, and without venv.
python=${PYTHON:-python3}
"$python" -c 'import os, sysconfig; os.stat(sysconfig.get_paths()["include"] + "/Python.h")' 2>/dev/null ||
    missing+=(python3-dev)
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "The tests need the programs of these Debian packages: ${missing[*]}." >&2
    echo "Install their counterparts with your system's package manager, then run this again." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need more packages. Install them with:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
# No service may start by being installed: the tests own every server that they use.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1
fi
trap '[ -z "$made" ] || rm -f $policy' EXIT
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
