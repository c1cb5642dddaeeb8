#!/bin/sh
# Builds Docker Compose, to check docker-compose.yml with where no Docker is, and prints the program's path.
# Needs Go 1.24.9 or later. Its source comes through the Go module proxy, and is held to the checksum database.
set -eu
VERSION=v2.40.3
KEPT=${XDG_CACHE_HOME:-$HOME/.cache}/medie-fhir/compose
PROGRAM=$KEPT/docker-compose-$VERSION

if [ ! -x "$PROGRAM" ]; then
    command -v go >/dev/null || { echo "get_compose: go is not installed" >&2; exit 1; }
    mkdir -p "$KEPT"
    WORK=$(mktemp -d "$KEPT/build.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
    # A module with excludes can't be built by go install, so it is built where it lies, from a copy that may be written
    MODULE=$(cd "$WORK" && go mod download -json "github.com/docker/compose/v2@$VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp -R "$MODULE" "$WORK/source"
    chmod -R u+w "$WORK/source"
    echo "get_compose: building Compose $VERSION, for some minutes …" >&2
    (cd "$WORK/source" && go build -trimpath \
        -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$VERSION" -o "$WORK/docker-compose" ./cmd)
    mv "$WORK/docker-compose" "$PROGRAM"
fi
echo "$PROGRAM"
