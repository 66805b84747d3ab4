#!/usr/bin/env bash
# bench_test.sh PROGRAMS - scripts/bench: packets arrive through each forwarder, and nothing is left, however it ended.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export TWINPATH_PROGRAMS=$1

if [[ $(id -u) -ne 0 ]] || ! unshare --net true 2>/dev/null; then
  echo "SKIPPED: needs root and network namespaces"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$*"
  cat "$work"/log* 2>/dev/null
  exit 1
}

namespaces_of() { ip netns list | grep -c "^twbench$1-" || true; }

# nothing_left PID: of the benchmark that had this number.
nothing_left() {
  [[ $(namespaces_of "$1") -eq 0 ]] || fail "namespaces are left: $(ip netns list)"
  [[ ! -e /sys/fs/bpf/twbench$1 && ! -e /sys/fs/bpf/twinpath/twbench$1 ]] || fail "pins are left"
  [[ -z $(pgrep -f "twbench$1" || true) ]] || fail "processes are left: $(pgrep -af "twbench$1")"
  ! compgen -G "/run/twinpath/twbench$1*" || fail "files are left in /run/twinpath"
}

"$root/scripts/bench" --smoke --json "$work/result.json" --plot "$work/result.svg" >"$work/log1" 2>&1 &
smoke=$!
wait "$smoke" || fail "the benchmark failed"
jq -e '[.samples[] | select(.figures.Mpps > 0) | .peer] | sort == ["linux", "redirect", "twinpath"]' "$work/result.json" >/dev/null ||
  fail "not every forwarder forwarded"
jq -e '.machine.kernel != null and (.modes | length) == 3' "$work/result.json" >/dev/null || fail "the result does not say where it is from"
grep -q '</svg>' "$work/result.svg" || fail "no plot"
nothing_left "$smoke"

# Ended in the middle of a measurement.
"$root/scripts/bench" --peers twinpath --scenarios flows-1k >"$work/log2" 2>&1 &
stopped=$!
for _ in {1..200}; do
  [[ $(namespaces_of "$stopped") -lt 3 ]] || break
  sleep 0.05
done
[[ $(namespaces_of "$stopped") -eq 3 ]] || fail "the topology does not come up"
sleep 1
kill -TERM "$stopped"
wait "$stopped" && fail "a benchmark that was stopped says it is done"
nothing_left "$stopped"
