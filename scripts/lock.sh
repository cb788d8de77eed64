#!/bin/sh
# Write the lock files anew: `make lock` (needs uv). Hashes, no index address, one resolution
# for all supported Pythons and platforms.
set -eu
cd "$(dirname "$0")/.."
lock() {
    uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header pyproject.toml "$@"
}
lock -o requirements.lock
lock --extra kubernetes -c requirements.lock -o requirements-kubernetes.lock
lock --group dev -c requirements.lock -o requirements-dev.lock
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
    --no-annotate --no-header --group build -c requirements.lock -o requirements-build.lock
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
    --no-annotate --no-header --group checkov -o requirements-checkov.lock
