#!/bin/bash
# guest.sh - process 1 of the machine that scripts/test-kernel boots: what must hold on this kernel.
#
# Prints one line per check, the reason below those that fail, and at the end "N passed, N failed".
set -uo pipefail
# Devices and file systems first: the rest needs them.
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root
# shellcheck source=scripts/lib/common.sh
source /twinpath/scripts/lib/common.sh
# shellcheck source=scripts/lib/lab.sh
source /twinpath/scripts/lib/lab.sh
# shellcheck source=/dev/null
source /twinpath/settings # BUILD, TESTS, LOAD_ONLY

readonly CONFIG=/twinpath/tests/kernels/gateway.json
readonly PINS=/sys/fs/bpf
readonly SERVER4=10.2.0.2 SERVER6=2001:db8:2::2
readonly FILE=/tmp/www/file
# Enough for every reason that the kernel can give; the default would take a quarter of an hour here.
export TWINPATH_DIFFERENTIAL_FRAMES=20000

passed=0 failed=0

# check SENTENCE COMMAND...: what the command says is shown when it fails. Status 1 then.
check() {
  if "${@:2}" >/tmp/said 2>&1; then
    passed=$((passed + 1))
    say "ok    $1"
  else
    failed=$((failed + 1))
    say "FAIL  $1"
    tail -n 40 /tmp/said | sed 's/^/      /'
    return 1
  fi
}

twinpath() { "$BUILD/bin/twinpath" "$@"; }
client() { in_lab client timeout 60 "$@"; }
api() { curl -sS --fail --max-time 20 --unix-socket /run/twinpath/kernel.sock "http://twinpath/v1/$1"; }

# eventually COMMAND...: asks until it holds. An emulated machine is slow, so the patience is long.
eventually() {
  for _ in {1..120}; do
    "$@" && return
    sleep 0.5
  done
  return 1
}

# --- the verifier

# Twice when it is refused: the verifier's account of it is wanted only then.
object_loads() {
  local pins=$PINS/load status=0
  bpftool prog loadall "$1" "$pins" >/dev/null 2>&1 || status=1
  ((status == 0)) || bpftool -d prog loadall "$1" "$pins" 2>&1 | tail -n 40
  rm -rf "$pins"
  return "$status"
}

check_objects() {
  local object
  mount -t bpf bpf "$PINS"
  for object in /twinpath/objects/*.bpf.o; do
    check "the verifier takes ${object##*/}" object_loads "$object"
  done
  "$BUILD/bin/hot_path" --verify /twinpath/objects/gateway.*.o 2>&1 | sed 's/^/      /'
  umount "$PINS" # twinpath has to do without it
}

# --- traffic

start_servers() {
  local port
  mkdir -p "${FILE%/*}"
  head -c 3000000 /dev/urandom >"$FILE"
  for port in 80 81; do
    in_lab server busybox httpd -p "[::]:$port" -h "${FILE%/*}"
  done
  for port in 5201 5301; do
    in_lab server iperf3 -s -D -p "$port"
  done
}

# fetch URL-HOST: a file, compared with what the server has.
fetch() {
  client curl -sS --fail -o /tmp/fetched "http://$1/file" && cmp /tmp/fetched "$FILE"
}

# talk_udp PORT: a hundred datagrams there, a hundred back; every one arrives.
talk_udp() {
  local direction
  for direction in "" -R; do
    # shellcheck disable=SC2086 # no direction is no argument
    client iperf3 -J -u -c "$SERVER4" -p "$1" -b 400K -l 500 -n 50000 $direction >/tmp/iperf.json || return
    jq -e '.end.sum | .lost_packets == 0 and .packets >= 100' /tmp/iperf.json || { cat /tmp/iperf.json && return 1; }
  done
}

is_refused() { ! client curl -sS --connect-timeout 3 "http://$SERVER4:82/" && drops zone_default; }

drops() { api drops | jq -e --arg reason "$1" 'any(.drops[]; .reason == $reason and .packets > 0)'; }

# --- what the gateway says of it

has_native_ports() {
  api status | jq -e '(.ports | length == 2) and all(.ports[]; .attach == "native" and .redirect and
    (.sockets | length > 0 and all(.[]; .mode == "copy")))' || { api status && return 1; }
}

# pairs PROTOCOL RULE ORIGIN PLACE: there are some, every one is of this kind and has carried packets both ways.
pairs() {
  twinpath --json policies --protocol "$1" >/tmp/policies.json || return
  jq -e --arg rule "$2" --arg origin "$3" --arg place "$4" '[.policies[] | select(.rule == $rule)] | length > 0 and
    all(.[]; .origin == $origin and .place == $place and .forward.packets > 0 and .reverse.packets > 0)' \
    /tmp/policies.json || { cat /tmp/policies.json && return 1; }
}

same_by_rest() {
  twinpath --json policies >/tmp/by_cli.json && api 'policies?limit=1000' >/tmp/by_rest.json || return
  [[ $(jq '[.policies[].id] | sort' /tmp/by_cli.json) == "$(jq '[.policies[].id] | sort' /tmp/by_rest.json)" ]]
}

engine_received() { api engines | jq '.engines[0].received'; }

check_traffic() {
  local before
  check "ping goes through, IPv4, its first packet held for a neighbour" client ping -c 3 -W 10 "$SERVER4"
  check "ping goes through, IPv6" client ping -c 3 -W 10 "$SERVER6"
  before=$(engine_received)
  check "a file arrives whole over TCP, place auto" fetch "$SERVER4"
  check "a file arrives whole over TCP and IPv6, place auto" fetch "[$SERVER6]"
  check "datagrams arrive both ways, place auto" talk_udp 5201
  check "the engine has seen no packet of place auto" test "$(engine_received)" = "$before"
  check "a file arrives whole over TCP, place user" fetch "$SERVER4:81"
  check "a file arrives whole over TCP and IPv6, place user" fetch "[$SERVER6]:81"
  check "datagrams arrive both ways, place user" talk_udp 5301
  check "the engine has seen the packets of place user" test "$(engine_received)" -gt "$((before + 400))"
  check "the kernel made the TCP pairs of place auto" pairs tcp tcp-auto kernel auto
  check "the kernel made the UDP pairs of place auto" pairs udp udp-auto kernel auto
  check "the engine made the TCP pairs of place user" pairs tcp tcp-user engine user
  check "the engine made the UDP pairs of place user" pairs udp udp-user engine user
  check "policies are the same by REST" same_by_rest
  check "what no rule allows is dropped and counted" is_refused
}

# --- life and death

start_gateway() { twinpath up -c "$CONFIG" --netns twinpath-gateway; }

daemon() { pgrep_exact twinpathd; }

pgrep_exact() {
  local file
  for file in /proc/[0-9]*/comm; do
    [[ $(cat "$file" 2>/dev/null) != "$1" ]] || { basename "${file%/comm}" && return; }
  done
  return 1
}

daemon_is_gone() { ! daemon >/dev/null; }

# New and decided flows go on by what is pinned; the next start takes it over.
check_adoption() {
  kill -KILL "$(daemon)"
  check "a killed daemon is gone" eventually daemon_is_gone
  check "a file arrives whole without a daemon" fetch "$SERVER4"
  check "up takes over what the dead daemon left" start_gateway
  check "status says adopted" eval "api status | jq -e .adopted"
  check "a file arrives whole, place user, after adoption" fetch "$SERVER4:81"
}

nothing_is_left() {
  find "$PINS" -mindepth 1 | grep . && return 1
  in_lab gateway ip -details link show | grep -F xdp && return 1
  ! bpftool prog show | grep -F twinpath
}

nothing_passes() { ! client ping -c 1 -W 2 "$SERVER4"; }

check_gateway() {
  check "the lab comes up" lab_up 2
  start_servers
  check "the configuration is good" twinpath check -c "$CONFIG"
  check "up starts the gateway" start_gateway || return
  check "ports are native, take redirects and have sockets" has_native_ports
  check_traffic
  check_adoption
  check "down ends the gateway" twinpath down
  check "down leaves no daemon" eventually daemon_is_gone
  check "down leaves no program, link or pin" eventually nothing_is_left
  check "nothing passes without twinpath" nothing_passes
  ((failed == 0)) || tail -n 40 /run/twinpath/*.log 2>/dev/null
  lab_down
}

# --- programs that were asked for

# Those that load an object by its path get each in turn; all others run once.
check_tests() {
  local name object
  for name in "${TESTS[@]}"; do
    if [[ $name != differential_* ]]; then
      check "$name" test_passes "$name"
      continue
    fi
    for object in /twinpath/objects/gateway.*.bpf.o; do
      mkdir -p "$BUILD/bpf" && cp "$object" "$BUILD/bpf/gateway.bpf.o"
      check "$name, ${object##*/}" test_passes "$name"
    done
  done
}

test_passes() { "$BUILD/bin/$1" && ! grep -F SKIPPED: /tmp/said; }

kernel_is_content() { ! dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace'; }

say "Linux $(uname -r)"
ip link set lo up
modprobe veth
check_objects
if ((LOAD_ONLY == 0)); then
  check_gateway
  check_tests
fi
check "the kernel has nothing to complain of" kernel_is_content
printf '\n%d passed, %d failed\n' "$passed" "$failed"
sync
poweroff -f
