#!/bin/sh
# Put $EVENHAND_OUT/gate.md under the pull request, one comment that is edited from run to run.
#
#   PULL_REQUEST  its number        GH_REPO  owner/name
#   GH_TOKEN      read by gh from the environment; never an argument, never printed
set -eu
out=${EVENHAND_OUT:-evenhand-ci}
number=${PULL_REQUEST:?the number of the pull request}
if [ ! -s "$out/gate.md" ]; then
    mkdir -p "$out"
    echo "**Evenhand: no verdict.** The audit did not come to its end; the log of this job says why." > "$out/gate.md"
fi
gh pr comment "$number" --body-file "$out/gate.md" --edit-last --create-if-none
