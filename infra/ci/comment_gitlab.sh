#!/bin/sh
# Put $EVENHAND_OUT/gate.md under the merge request.
#
#   EVENHAND_GITLAB_TOKEN  a project access token with the scope api (masked and protected); goes to curl over a pipe,
#                          so that it is in no argument list and in no log
#   CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID  are set by GitLab
set -eu
out=${EVENHAND_OUT:-evenhand-ci}
if [ -z "${EVENHAND_GITLAB_TOKEN:-}" ]; then
    echo "EVENHAND_GITLAB_TOKEN is not set: no comment is written" >&2
    exit 0
fi
if [ ! -s "$out/gate.md" ]; then
    mkdir -p "$out"
    echo "**Evenhand: no verdict.** The audit did not come to its end; the log of this job says why." > "$out/gate.md"
fi
python3 -c 'import json, sys; print(json.dumps({"body": open(sys.argv[1], encoding="utf-8").read()}))' "$out/gate.md" \
    > "$out/comment.json"
url="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
printf 'header = "PRIVATE-TOKEN: %s"\n' "$EVENHAND_GITLAB_TOKEN" |
    curl --config - --fail --silent --show-error --output /dev/null \
        --header "Content-Type: application/json" --data "@$out/comment.json" "$url"
