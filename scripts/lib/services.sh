# shellcheck shell=bash
# services.sh - the servers of the demo, inside the lab's namespace `server`. Sourced after common.sh and lab.sh.
#
# Each keeps its configuration, pid file and log in $SERVICES, runs nowhere else, and is ended by its pid.

services_begin() {
  SERVICES=$1
  mkdir -p "$SERVICES/www" "$SERVICES/pids"
}

# Everything under one folder, so that a system's own nginx and its files are not touched.
start_nginx() {
  local scratch
  {
    echo "user root; worker_processes 1; pid $SERVICES/pids/nginx; error_log $SERVICES/nginx.log; events {}"
    echo "http { access_log off; server { listen 80; listen [::]:80; root $SERVICES/www; }"
    for scratch in client_body proxy fastcgi uwsgi scgi; do
      echo "  ${scratch}_temp_path $SERVICES/nginx-$scratch;"
    done
    echo "}"
  } >"$SERVICES/nginx.conf"
  in_lab server nginx -e "$SERVICES/nginx.log" -c "$SERVICES/nginx.conf"
}

# start_iperf PORT
start_iperf() {
  in_lab server iperf3 -s -D -p "$1" -I "$SERVICES/pids/iperf3-$1" --logfile "$SERVICES/iperf3-$1.log"
}

# start_dns NAME ADDRESS: answers this one name.
start_dns() {
  in_lab server dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces --except-interface=lo \
    --interface=eth0 --address="/$1/$2" --pid-file="$SERVICES/pids/dnsmasq" --log-facility="$SERVICES/dnsmasq.log"
}

# Key login for root, with keys of its own. Without PAM, sshd refuses an account whose password is locked.
start_sshd() {
  local pam=no
  [[ $(passwd -S root | awk '{ print $2 }') != L ]] || pam=yes
  mkdir -p /run/sshd
  rm -f "$SERVICES"/ssh_*
  ssh-keygen -q -t ed25519 -N '' -f "$SERVICES/ssh_host"
  ssh-keygen -q -t ed25519 -N '' -f "$SERVICES/ssh_user"
  cat >"$SERVICES/sshd.conf" <<EOF
Port 22
HostKey $SERVICES/ssh_host
AuthorizedKeysFile $SERVICES/ssh_user.pub
PidFile $SERVICES/pids/sshd
StrictModes no
UsePAM $pam
PasswordAuthentication no
PermitRootLogin prohibit-password
EOF
  in_lab server "$(command -v sshd)" -f "$SERVICES/sshd.conf" -E "$SERVICES/sshd.log"
}

# wait_for_listener PROTOCOL PORT: protocol is tcp or udp.
wait_for_listener() {
  for _ in {1..50}; do
    [[ -z $(in_lab server ss -Hln "--$1" "sport = :$2") ]] || return 0
    sleep 0.1
  done
  warn "nothing listens on $1 port $2 of the server"
  return 1
}

# A pid file may outlive its process, and its number may have been given to another: the name must fit too.
stop_services() {
  local file name pid
  for file in "$SERVICES"/pids/*; do
    [[ -e $file ]] || continue
    name=${file##*/}
    pid=$(tr -dc 0-9 <"$file")
    if [[ -n $pid && $(cat "/proc/$pid/comm" 2>/dev/null) == "${name%%-*}" ]]; then
      kill "$pid" 2>/dev/null || true
    fi
    rm -f "$file"
  done
}
