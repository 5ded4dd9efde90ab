#!/bin/bash
# Installs the PostgreSQL server that the tests of the store start, from the Debian package, when there is none. Nothing is
# started and no cluster is made: each test makes its own.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; then
  exit 0
fi
if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo 'the tests of the store need a PostgreSQL server: install the package postgresql, or run as root on Debian' >&2
  exit 1
fi
mkdir -p /etc/postgresql-common/createcluster.d
once=/etc/postgresql-common/createcluster.d/portolan.conf # for this installation alone, not for those of others to come
trap 'rm -f "$once"' EXIT
echo 'create_main_cluster = false' >"$once"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends postgresql
