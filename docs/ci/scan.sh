#!/usr/bin/env bash
# The scan of action.yml: options come by the environment, results go to $RUNNER_TEMP, the outputs and the summary.
# It never fails by itself; the last step of the action ends with the exit code that it writes.
set -uo pipefail

out="$RUNNER_TEMP/regionproof-reports"
mkdir -p "$out"
options=(--fail-on "$FAIL_ON" --format "sarif=$out/regionproof.sarif,json=$out/regionproof.json,markdown=$out/summary.md")
[ -z "$CATEGORY" ] || options+=(--sarif-category "$CATEGORY")
[ -z "$CONFIG" ] || options+=(--config "$CONFIG")
[ -z "$AGAINST" ] || options+=(--against "$AGAINST")
since="${CHANGED_SINCE:-$BASE}"
[ -z "$since" ] || [ "$since" = none ] || options+=(--changed-since "$since")
[ "$NEW_ONLY" != true ] || options+=(--new-only)
[ "$FAIL_ON_INCOMPLETE" != true ] || options+=(--fail-on-incomplete)
[ "$ANNOTATIONS" != true ] || options+=(--format github)
read -r -a more <<<"$ARGS"
paths=()
while IFS= read -r path; do [ -z "$path" ] || paths+=("$path"); done <<<"$PATHS"

"${REGIONPROOF:-$RUNNER_TEMP/regionproof/bin/regionproof}" scan "${options[@]}" "${more[@]}" -- "${paths[@]}"
code=$?

[ ! -f "$out/summary.md" ] || cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
{
  echo "exit-code=$code"
  [ ! -f "$out/regionproof.sarif" ] || echo "sarif-file=$out/regionproof.sarif"
  [ ! -f "$out/regionproof.json" ] || echo "json-file=$out/regionproof.json"
} >>"$GITHUB_OUTPUT"
exit 0
