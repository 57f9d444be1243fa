#!/bin/sh
# Makes the keys of docker-compose.yml, each once: make-keys.sh <folder> <owner>
# A key that is given in the environment replaces the one that is kept. Each service sees its own folders only.
set -eu
umask 077
cd "$1"
owner=$2

random() { head -c 32 /dev/urandom | "$@" | tr -d ' \n'; }

# keep <file> <name> <value>: the value is empty unless it is given.
keep() {
  [ -n "$3" ] || return 0
  printf '%s=%s\n' "$2" "$3" > "$1.new"
  chown "$owner" "$1.new"
  mv "$1.new" "$1"
}

mkdir -p admin sealing database tenant
chmod 755 . admin sealing database
chown "$owner" tenant

admin=${ERRAND_ADMIN_KEY:-}
[ -n "$admin" ] || [ -f admin/admin.env ] || admin=$(random od -An -v -tx1)
keep admin/admin.env ERRAND_ADMIN_KEY "$admin"

sealing=${ERRAND_SECRET_KEY:-}
[ -n "$sealing" ] || [ -f sealing/sealing.env ] || sealing=$(random base64)
keep sealing/sealing.env ERRAND_SECRET_KEY "$sealing"

password=${POSTGRES_PASSWORD:-}
[ -n "$password" ] || [ -f database/database.env ] || password=$(random od -An -v -tx1)
if [ -n "$password" ]; then
  printf '%s' "$password" > database/password
  keep database/database.env DATABASE_URL "postgres://errand:$password@postgres:5432/errand"
fi
