#!/bin/sh
# Makes the keys of docker-compose.yml, each once: make-keys.sh <folder> <owner> <users.conf>
# A key that is given in the environment replaces the one that is kept. Each service sees its own folders only.
set -eu
umask 077
users=$(realpath "$3")
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

mkdir -p admin sealing database tenant nats
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

# A user of NATS for each service, and the file of all of them, with the passwords in it, for the server.
cp "$users" nats/users.conf.new
for role in provision gateway scheduler executor projection webhooks; do
  mkdir -p "nats-$role"
  chmod 755 "nats-$role"
  [ -f "nats-$role/nats.env" ] || keep "nats-$role/nats.env" NATS_URL "nats://$role:$(random od -An -v -tx1)@nats:4222"
  password=$(sed 's/.*:\(.*\)@.*/\1/' "nats-$role/nats.env")
  variable=NATS_$(echo "$role" | tr a-z A-Z)_PASSWORD
  sed "s/[$]$variable/\"$password\"/" nats/users.conf.new > nats/users.conf.part
  mv nats/users.conf.part nats/users.conf.new
done
mv nats/users.conf.new nats/users.conf
