# shellcheck shell=bash
# common.sh - what every script of this folder shares; sourced, never run.
#
# A script's help is the comment block at its top, so that it cannot drift from what one reads when opening the file.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly ROOT

# Newest first; the same order as in cmake/TwinpathBpf.cmake.
readonly CLANG_VERSIONS=(19 18 17 16 15 14)

# sbin holds ip, bpftool, ethtool, nginx and sshd, and is not in an ordinary user's PATH on Debian.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  warn "$@"
  exit 1
}

# A mistake in how the script was called.
usage_error() {
  warn "$@" "(see --help)"
  exit 2
}

# Prints the comment block that starts on the second line of the script.
print_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

is_root() { [[ $(id -u) -eq 0 ]]; }

need_root() { is_root || die "needs root (network namespaces, XDP): run it with sudo"; }

need_command() { command -v "$1" >/dev/null || die "$1 is missing: run scripts/install-packages as root"; }

newest_clang() {
  local version
  for version in "${CLANG_VERSIONS[@]}"; do
    command -v "clang-$version" && return 0
  done
  command -v clang || die "no clang found: run scripts/install-packages as root"
}

need_preset() {
  case $1 in
    release | asan | tsan) ;;
    *) usage_error "unknown preset '$1': release, asan or tsan" ;;
  esac
}

# The compiler needs up to 1.5 GB for a file that includes Beast: fewer jobs than processors on a small machine.
job_count() {
  local processors available_kb by_memory
  processors=$(nproc)
  available_kb=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
  by_memory=$((available_kb / 1500000))
  ((by_memory >= 1)) || by_memory=1
  echo $((processors < by_memory ? processors : by_memory))
}

# The C and C++ files that people wrote, one per line, relative to ROOT.
# *_family.h: text that is included once per address family, full of macros that clang-format takes for something else.
source_files() {
  (cd "$ROOT" && find common bpf userspace tests bench -type f ! -name '*_family.h' \
    \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.hpp' \) | sort)
}
