# shellcheck shell=bash
# bench.sh - what the tests of scripts/bench and scripts/bench-nics share; sourced. Sets `root`, and `work`, a folder of
# this test that goes with it; skips where benchmarks cannot run.

# shellcheck disable=SC2034 # for who sources this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ $(id -u) -ne 0 ]] || ! unshare --net true 2>/dev/null; then
  echo "SKIPPED: needs root and network namespaces"
  exit 0
fi
work=$(mktemp -d)

# Shows what the benchmarks said, in the files log* of the folder.
fail() {
  echo "$*"
  cat "$work"/log* 2>/dev/null
  exit 1
}

namespaces_of() { ip netns list | grep -c "^twbench$1-" || true; }

# wait_for_namespaces PID COUNT: until the benchmark has made so many.
wait_for_namespaces() {
  for _ in {1..200}; do
    [[ $(namespaces_of "$1") -lt $2 ]] || return 0
    sleep 0.05
  done
  fail "the topology does not come up"
}

# nothing_left PID: of the benchmark that had this number.
nothing_left() {
  [[ $(namespaces_of "$1") -eq 0 ]] || fail "namespaces are left: $(ip netns list)"
  [[ ! -e /sys/fs/bpf/twbench$1 && ! -e /sys/fs/bpf/twinpath/twbench$1 ]] || fail "pins are left"
  [[ -z $(pgrep -f "twbench$1" || true) ]] || fail "processes are left: $(pgrep -af "twbench$1")"
  ! compgen -G "/run/twinpath/twbench$1*" || fail "files are left in /run/twinpath"
  ! compgen -G "/run/twbench$1*" || fail "a note is left in /run"
}

# each_forwarded FILE: the results of --smoke.
each_forwarded() {
  jq -e '[.samples[] | select(.figures.Mpps > 0) | .peer] | sort == ["linux", "redirect", "twinpath"]' "$1" >/dev/null ||
    fail "not every forwarder forwarded"
}
