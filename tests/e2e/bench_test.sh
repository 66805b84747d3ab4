#!/usr/bin/env bash
# bench_test.sh PROGRAMS - scripts/bench: packets arrive through each forwarder, and it removes what it made, however it
# ended.
set -euo pipefail
# shellcheck source=tests/harness/bench.sh
source "$(dirname "${BASH_SOURCE[0]}")/../harness/bench.sh"
trap 'rm -rf "$work"' EXIT
export TWINPATH_PROGRAMS=$1

"$root/scripts/bench" --smoke --json "$work/result.json" --plot "$work/result.svg" >"$work/log1" 2>&1 &
smoke=$!
wait "$smoke" || fail "the benchmark failed"
each_forwarded "$work/result.json"
jq -e '[.ns_over_redirect[] | select(.median != null) | .peer] | sort == ["linux", "redirect", "twinpath"]' \
  "$work/result.json" >/dev/null || fail "no ns over bare redirect"
jq -e '.machine.kernel != null and (.modes | length) == 3' "$work/result.json" >/dev/null || fail "the result has no machine or modes"
grep -q '</svg>' "$work/result.svg" || fail "no plot"
nothing_left "$smoke"

# Ended in the middle of a measurement.
"$root/scripts/bench" --peers twinpath --scenarios flows-1k >"$work/log2" 2>&1 &
stopped=$!
wait_for_namespaces "$stopped" 3
sleep 1
kill -TERM "$stopped"
wait "$stopped" && fail "a benchmark that was stopped says it is done"
nothing_left "$stopped"
