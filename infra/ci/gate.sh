#!/bin/sh
# Hold the artifact to the policy. The exit code is the gate's own: anything but 0 blocks.
#
#   0 PASS · 1 FAIL · 2 the gate could not decide (broken artifact, bad policy) · 3 INCONCLUSIVE
#
#   EVENHAND_OUT       as in audit.sh; gets gate.md (for a comment) and gate.xml (JUnit)
#   EVENHAND_ARTIFACT  the artifact; default: the one that audit.sh named
#   EVENHAND_POLICY    a policy file that holds instead of the spec's own limits
#   EVENHAND_BASELINE  the artifact of what is deployed now: what changed is added to the comment
#
# Further arguments go to evenhand gate: gate.sh --max-age 30 --model-digest "$digest"
set -eu
out=${EVENHAND_OUT:-evenhand-ci}
mkdir -p "$out"
rm -f "$out/gate.md" "$out/gate.xml"
artifact=${EVENHAND_ARTIFACT:-}
if [ -z "$artifact" ]; then
    if [ ! -s "$out/artifact.txt" ]; then
        echo "no artifact: the audit did not come to its end" >&2
        exit 2
    fi
    artifact=$(cat "$out/artifact.txt")
fi
if [ -n "${EVENHAND_POLICY:-}" ]; then
    set -- --policy "$EVENHAND_POLICY" "$@"
fi

code=0
evenhand gate "$artifact" "$@" --output "$out/gate.md" --output "$out/gate.xml" || code=$?
if [ ! -s "$out/gate.md" ]; then
    echo "**Evenhand: the gate could not decide (exit code $code).** The log of this job says why." > "$out/gate.md"
    [ "$code" -ne 0 ] || code=2
fi
if [ -n "${EVENHAND_BASELINE:-}" ]; then
    {
        echo
        evenhand diff "$EVENHAND_BASELINE" "$artifact" --format md || echo "What changed cannot be told: see the log."
    } >> "$out/gate.md"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat "$out/gate.md" >> "$GITHUB_STEP_SUMMARY"
fi
exit "$code"
