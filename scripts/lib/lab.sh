# shellcheck shell=bash
# lab.sh - the lab's network namespaces: made, looked at, removed. Sourced after common.sh.
#
#   client  eth0 10.1.0.2 ─── lan0 10.1.0.1  gateway  wan0 10.2.0.1 ─── eth0 10.2.0.2  server
#           2001:db8:1::2     2001:db8:1::1           2001:db8:2::1     2001:db8:2::2
#
# Each veth pair is made with both ends in their namespaces, so no device of the lab ever appears on the host, device
# names need no prefix, and deleting the namespaces deletes all.

readonly LAB_PARTS=(client gateway server)
LAB_PREFIX=${LAB_PREFIX:-twinpath-}

lab_namespace() { printf '%s%s' "$LAB_PREFIX" "$1"; }

lab_exists() { [[ -e /run/netns/$(lab_namespace "$1") ]]; }

# in_lab PART COMMAND...: enters only the network namespace. `ip netns exec` would remount /sys as well, and what is
# pinned in the bpffs below it would be gone.
in_lab() { nsenter --net="/run/netns/$(lab_namespace "$1")" -- "${@:2}"; }

# The gateway's own forwarding stays off: what comes out on the other side has been forwarded by twinpath or not at all.
# No duplicate address detection: addresses can be used at once.
lab_make_namespace() {
  ip netns add "$(lab_namespace "$1")"
  in_lab "$1" sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.default.forwarding=0 \
    net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
    net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 net.ipv6.conf.default.accept_ra=0
  in_lab "$1" ip link set lo up
}

# lab_make_wire HOST GATEWAY-DEVICE NUMBER QUEUES: subnet 10.NUMBER.0.0/24, gateway .1, host .2.
lab_make_wire() {
  local host=$1 device=$2 number=$3 queues=$4
  local counts=(numrxqueues "$queues" numtxqueues "$queues")
  ip link add name "$device" netns "$(lab_namespace gateway)" address "02:74:77:00:0$number:01" "${counts[@]}" \
    type veth peer name eth0 netns "$(lab_namespace "$host")" address "02:74:77:00:0$number:02" "${counts[@]}"
  lab_address gateway "$device" "$number" 1
  lab_address "$host" eth0 "$number" 2
  in_lab "$host" ip route add default via "10.$number.0.1"
  in_lab "$host" ip route add default via "2001:db8:$number::1"
}

lab_address() {
  in_lab "$1" ip address add "10.$3.0.$4/24" dev "$2"
  in_lab "$1" ip address add "2001:db8:$3::$4/64" dev "$2" nodad
  in_lab "$1" ip link set "$2" up
}

# lab_up QUEUES: from nothing, or from whatever a broken run has left. Not to be called in a condition, where bash
# would go on after a failed step.
lab_up() {
  local part
  lab_down
  for part in "${LAB_PARTS[@]}"; do
    lab_make_namespace "$part"
  done
  lab_make_wire client lan0 1 "$1"
  lab_make_wire server wan0 2 "$1"
  lab_wait_for_links
}

# A link is up a moment after both its ends are set up; what is sent before is lost.
lab_links_up() {
  local part
  for part in "${LAB_PARTS[@]}"; do
    in_lab "$part" ip -brief link show type veth | awk '$2 != "UP" { waiting = 1 } END { exit waiting }' || return
  done
}

lab_wait_for_links() {
  for _ in {1..50}; do
    lab_links_up && return
    sleep 0.1
  done
  warn "the links of the lab do not come up"
  return 1
}

# Processes would keep a namespace and its devices alive behind its name. Ends them, except this script's own.
lab_end_processes() {
  local signal pid
  for signal in TERM KILL; do
    for pid in $(ip netns pids "$(lab_namespace "$1")"); do
      [[ $pid == "$$" ]] || kill -s "$signal" "$pid" 2>/dev/null || true
    done
    for _ in {1..20}; do
      [[ -n $(ip netns pids "$(lab_namespace "$1")") ]] || return 0
      sleep 0.1
    done
  done
}

lab_down() {
  local part
  for part in "${LAB_PARTS[@]}"; do
    lab_exists "$part" || continue
    # A file without a namespace behind it is what an interrupted `ip netns add` leaves: nothing runs in it.
    lab_end_processes "$part" 2>/dev/null || true
    ip netns delete "$(lab_namespace "$part")"
  done
}

# lab_prepare_peers: what XDP needs of the far ends, for programs that cannot reach them (docs/development.md).
lab_prepare_peers() {
  local part
  for part in client server; do
    in_lab "$part" ethtool -K eth0 tx off gro on rxvlan off txvlan off >/dev/null 2>&1
  done
}
