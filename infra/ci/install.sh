#!/bin/sh
# Install Evenhand into an environment of its own.
#
#   EVENHAND_VENV     where to (default .evenhand/venv); put its bin folder on the PATH of the next steps
#   EVENHAND_PACKAGE  what to install (default evenhand): evenhand==0.1.0, a wheel, or . for a checkout of Evenhand itself
#   EVENHAND_CONSTRAINTS  a file of pinned versions (recommended: numbers stay the same until you say so)
set -eu
venv=${EVENHAND_VENV:-.evenhand/venv}
package=${EVENHAND_PACKAGE:-evenhand}

python3 -m venv "$venv"
set -- --quiet --disable-pip-version-check
if [ -n "${EVENHAND_CONSTRAINTS:-}" ]; then
    set -- "$@" --constraint "$EVENHAND_CONSTRAINTS"
fi
"$venv/bin/python" -m pip install "$@" "$package"
"$venv/bin/evenhand" --version
if [ -n "${GITHUB_PATH:-}" ]; then
    echo "$(cd "$venv" && pwd)/bin" >> "$GITHUB_PATH"
fi
