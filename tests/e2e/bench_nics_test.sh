#!/usr/bin/env bash
# bench_nics_test.sh PROGRAMS - scripts/bench-nics measures with devices of the host and restores them, however it ended.
# The host is a network namespace of this test, its NICs are veths.
set -euo pipefail
# shellcheck source=tests/harness/bench.sh
source "$(dirname "${BASH_SOURCE[0]}")/../harness/bench.sh"
export TWINPATH_PROGRAMS=$1
host=nicstest$$
trap 'ip netns delete "$host"; rm -rf "$work"' EXIT

on_host() { nsenter --net="/run/netns/$host" -- "$@"; }
bench_nics() { exec nsenter --net="/run/netns/$host" -- "$root/scripts/bench-nics" "$@"; }
devices=(--in nic1 --out nic2 --generator gen1 --sink sink2)

# make_wire NUMBER DEVICE DEVICE
make_wire() {
  on_host ip link add "$2" address "02:74:77:09:0$1:01" numrxqueues 2 numtxqueues 2 \
    type veth peer name "$3" address "02:74:77:09:0$1:02" numrxqueues 2 numtxqueues 2
}

ip netns add "$host"
on_host ip link set lo up
make_wire 1 nic1 gen1
make_wire 2 nic2 sink2
on_host ip link add bridge0 type bridge
on_host ip link add free1 type veth peer name free2
# Each differs from a new device, so that a setting that is not restored is found. One stays down.
on_host ip link set nic1 mtu 1450 up
on_host ip link set gen1 up
on_host ethtool -K nic1 gro on tso off
on_host ethtool -L nic2 rx 1 tx 1
on_host sysctl -qw net.ipv4.conf.nic1.rp_filter=1 net.ipv6.conf.nic2.disable_ipv6=1
on_host ip address add 192.0.2.1/24 dev nic1
on_host ip route add 198.51.100.0/24 via 192.0.2.2 dev nic1 metric 7
on_host ip address add 2001:db8::1/64 dev nic1 nodad

state() {
  local device
  for device in nic1 nic2 gen1 sink2; do
    on_host ip -oneline -details link show dev "$device"
    on_host ip -oneline address show dev "$device"
    on_host ip route show dev "$device"
    on_host ip -6 route show dev "$device"
    on_host ethtool --show-features "$device"
    on_host ethtool --show-channels "$device"
    on_host sysctl --all --pattern "conf\.$device\." 2>/dev/null
  done
}

# Addresses of IPv6 are tentative for a moment.
for _ in {1..100}; do
  state >"$work/before"
  grep -q tentative "$work/before" || break
  sleep 0.1
done

as_before() {
  for _ in {1..100}; do
    state >"$work/after" 2>&1
    ! cmp -s "$work/before" "$work/after" || return 0
    sleep 0.1
  done
  fail "the devices are not as they were: $(diff "$work/before" "$work/after")"
}

# refused STATUS TEXT OPTIONS...: in one line, before anything is touched.
refused() {
  local status=0
  (bench_nics "${@:3}" --smoke) >"$work/log" 2>"$work/complaint" || status=$?
  [[ $status -eq $1 ]] || fail "status $status instead of $1: ${*:3}: $(<"$work/complaint")"
  [[ $(tail -n 1 "$work/complaint") == *"$2"* && $(grep -vc '^usage:' "$work/complaint") -eq 1 ]] ||
    fail "instead of '$2': $(<"$work/complaint")"
  as_before
}

refused 2 "--sink" --in nic1 --out nic2 --generator gen1
refused 1 "nic9 (--in) is not there" --in nic9 --out nic2 --generator gen1 --sink sink2
refused 1 "nic2 is named twice: --out and --sink" --in nic1 --out nic2 --generator gen1 --sink nic2
refused 1 "lo (--in) is no Ethernet device" --in lo --out nic2 --generator gen1 --sink sink2
refused 1 "nic1 (--in) has addresses (192.0.2.1, 2001:db8::1); --force" "${devices[@]}"
on_host ip link set free1 master bridge0
refused 1 "free1 (--in) belongs to bridge0" --in free1 --out nic2 --generator gen1 --sink sink2
on_host ip route add default via 192.0.2.254 dev nic1
state >"$work/before"
refused 1 "nic1 (--in) carries a default route; --force" "${devices[@]}"
refused 1 "a packet from sink2 (--generator) to nic1 (--in) and back" \
  --in nic1 --out nic2 --generator sink2 --sink gen1 --force

(bench_nics "${devices[@]}" --force --smoke --json "$work/result.json") >"$work/log1" 2>&1 &
smoke=$!
wait "$smoke" || fail "the benchmark failed"
each_forwarded "$work/result.json"
jq -e '.machine | [.in, .out, .generator, .sink] | map(contains(": veth ")) | all' "$work/result.json" >/dev/null ||
  fail "the result does not say what the devices are"
as_before
nothing_left "$smoke"

# begin_and_end SIGNAL LOG: ends a run by the signal in the middle of a measurement; sets `ended`, its PID.
begin_and_end() {
  (bench_nics "${devices[@]}" --force --peers twinpath --scenarios two-cores) >"$work/$2" 2>&1 &
  ended=$!
  wait_for_namespaces "$ended" 4
  sleep 1.5
  kill -s "$1" "$ended"
  wait "$ended" && fail "a benchmark that was stopped says it is done"
  return 0
}

begin_and_end INT log2
as_before
nothing_left "$ended"

begin_and_end KILL log3
! on_host ip link show dev nic1 2>/dev/null || fail "killed too early: the devices have not left"
# From another namespace nothing is restored, and nothing destroyed.
unshare --net "$root/scripts/bench-nics" --restore >"$work/log4" 2>&1 && fail "devices of another namespace are restored"
grep -q "^nic1, nic2, gen1, sink2: taken by a run that was killed, from another" "$work/log4" || fail "it does not say whose they are"
(bench_nics --restore) >"$work/log5" 2>&1 || fail "the devices of a killed run are not restored"
as_before
nothing_left "$ended"

# --give-back is the same option.
begin_and_end KILL log6
(bench_nics --give-back) >"$work/log7" 2>&1 || fail "the devices of a killed run are not restored by --give-back"
as_before
nothing_left "$ended"
