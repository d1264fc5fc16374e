#!/bin/sh
# Carry out the audit and say where its artifact is, in $EVENHAND_OUT/artifact.txt.
#
#   EVENHAND_SPEC  the spec
#   EVENHAND_OUT   folder for what the next steps read (default evenhand-ci)
#   EVENHAND_RUNS  folder of artifacts (default runs)
#
# Exit code 0 where there is an artifact, whatever its verdict: the gate decides under its own policy. Any other exit
# code (2: the audit could not be carried out, 137: killed) is passed on, and no artifact is named, so nothing passes.
set -eu
spec=${EVENHAND_SPEC:?name the spec: EVENHAND_SPEC=audits/my-audit.yaml}
out=${EVENHAND_OUT:-evenhand-ci}
mkdir -p "$out"
rm -f "$out/artifact.txt" "$out/gate.md" "$out/gate.xml"

code=0
evenhand run "$spec" --out "${EVENHAND_RUNS:-runs}" --json > "$out/run.json" || code=$?
case $code in
    0 | 1 | 3) ;;
    *)
        echo "the audit could not be carried out (exit code $code)" >&2
        exit "$code"
        ;;
esac
python3 - "$out/run.json" > "$out/artifact.partial" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    artifact = json.load(file)["artifact"]
if not artifact:
    sys.exit("the audit sealed no artifact")
print(artifact)
PYTHON
mv "$out/artifact.partial" "$out/artifact.txt"
