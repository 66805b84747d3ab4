#!/usr/bin/env bash
# lab_test.sh - scripts/lab: hosts reach the gateway and not one another, and down leaves nothing, however up ended.
set -euo pipefail
lab() { "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lab" --prefix "$prefix" "$@"; }
prefix=labtest$$-

if [[ $(id -u) -ne 0 ]] || ! unshare --net true 2>/dev/null; then
  echo "SKIPPED: needs root and network namespaces"
  exit 0
fi
trap 'lab down' EXIT

expect() {
  local wanted=$1
  shift
  local status=0
  "$@" >/dev/null 2>&1 || status=$?
  if [[ $wanted == success && $status -eq 0 ]] || [[ $wanted == failure && $status -ne 0 ]]; then return; fi
  echo "expected $wanted of: $*, got status $status"
  exit 1
}

lab up --queues 2
expect success lab shell client ping -c 1 -W 2 10.1.0.1
expect success lab shell server ping -c 1 -W 2 2001:db8:2::1
expect failure lab shell client ping -c 1 -W 1 10.2.0.2
expect failure lab shell client ping -c 1 -W 1 2001:db8:2::2

# From a half-removed lab with a process in it.
lab shell client sleep 60 &
ip netns delete "${prefix}server"
expect failure lab status
lab up --forward
expect success lab shell client ping -c 1 -W 2 10.2.0.2
expect success lab shell client ping -c 1 -W 2 2001:db8:2::2

lab down
expect failure lab status
expect success lab down
! ip netns list | grep -F "$prefix"
