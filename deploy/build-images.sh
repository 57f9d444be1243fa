#!/bin/sh
# Builds the three images from a clone, tagged with the version of its package.json and with `local`.
#   deploy/build-images.sh [name prefix, default errand]
set -eu
cd "$(dirname "$0")/.."
prefix=${1:-errand}
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
for target in server executor executor-python; do
  docker build --file deploy/Dockerfile --target "$target" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    --tag "$prefix/$target:$version" --tag "$prefix/$target:local" .
done
