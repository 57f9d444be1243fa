#!/bin/sh
# Makes the first tenant of docker-compose.yml and its key, once, and says how to call it: setup.sh <folder of the key>
set -eu
umask 077
folder=$1
. /keys/admin/admin.env
export ERRAND_ADMIN_KEY ERRAND_URL=http://gateway:8080

if [ ! -s "$folder/key" ]; then
  errand tenants put local >/dev/null
  errand keys create compose --tenant local --json | node -p 'JSON.parse(fs.readFileSync(0)).api_key' > "$folder/key.new"
  mv "$folder/key.new" "$folder/key"
fi

cat <<END

Errand is ready.

  url     $SHOWN_URL
  docs    $SHOWN_URL/docs
  tenant  local
  key     $(cat "$folder/key")

Run an action (ERRAND_ACTIONS_FOLDER names a folder with your own):
  curl -s -X POST -H 'authorization: Bearer $(cat "$folder/key")' -H 'content-type: application/json' \\
    -d '{"from":"2026-01-01","to":"2026-03-31"}' $SHOWN_URL/v2/tenants/local/reports/orders/report_export/run

A full round with webhooks needs receivers on this machine to be allowed:
  ERRAND_WEBHOOKS_ALLOW_HTTP=true ERRAND_WEBHOOKS_ALLOW_CIDRS=$BRIDGE/32 docker compose up --wait
  ERRAND_URL=$SHOWN_URL ERRAND_API_KEY=$(cat "$folder/key") ERRAND_DEMO_RECEIVER_HOST=$BRIDGE npm run demo

The admin key, for errand keys and the rest:
  docker compose exec gateway cat /keys/admin/admin.env
END

# For `docker compose up --wait`, a container that has ended has failed.
exec sleep infinity
