# shellcheck shell=bash
# bench.sh - functions of scripts/bench and scripts/bench-nics; sourced after common.sh.
#
#   run_bench "$@"      installs, builds, and replaces the shell with bench/compare
#
# TWINPATH_PROGRAMS=FOLDER: use the programs there; then nothing is installed and built.

bench_programs=${TWINPATH_PROGRAMS:-$ROOT/build/release/bin}
BENCH=(/usr/bin/python3 "$ROOT/bench/compare/main.py" --root "$ROOT" --programs "$bench_programs")
readonly BENCH
export PYTHONDONTWRITEBYTECODE=1

bench_install_peers() {
  local packages line
  mapfile -t packages < <("${BENCH[@]}" "$@" --packages | sort -u)
  for line in "${packages[@]}"; do
    # shellcheck disable=SC2086 # one line, several packages
    "$ROOT/scripts/install-packages" --also $line || warn "not installed, so its peer is skipped: $line"
  done
}

bench_build() {
  "$ROOT/scripts/build" --target twinpath --target twinpathd --target pktgen --target bare --target pairs >&2
}

run_bench() {
  if [[ " $* " == *" --list "* ]]; then
    exec "${BENCH[@]}" "$@"
  fi
  "${BENCH[@]}" "$@" --packages >/dev/null # reports wrong options before anything is installed
  need_root
  if [[ -z ${TWINPATH_PROGRAMS:-} && " $* " != *" --restore "* && " $* " != *" --give-back "* ]]; then
    "$ROOT/scripts/install-packages" >&2
    [[ " $* " == *" --smoke "* ]] || bench_install_peers "$@" >&2
    bench_build
  fi
  # Replaces this shell, so that a signal reaches the program that cleans up. The time so far counts against its limit.
  exec "${BENCH[@]}" --clang "$(newest_clang)" --spent "$SECONDS" "$@"
}
