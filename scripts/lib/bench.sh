# shellcheck shell=bash
# bench.sh - what scripts/bench and scripts/bench-nics share: sourced after common.sh.
#
#   run_bench "$@"      installs, builds, and runs bench/compare in place of the shell
#
# TWINPATH_PROGRAMS=FOLDER: the programs there are used; then nothing is installed and built.

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
  "${BENCH[@]}" "$@" --packages >/dev/null # a mistake in the options, before anything is installed
  need_root
  if [[ -z ${TWINPATH_PROGRAMS:-} && " $* " != *" --give-back "* ]]; then
    "$ROOT/scripts/install-packages" >&2
    [[ " $* " == *" --smoke "* ]] || bench_install_peers "$@" >&2
    bench_build
  fi
  # In place of this shell: a signal meets who can clean up. What has passed so far counts against its limits.
  exec "${BENCH[@]}" --clang "$(newest_clang)" --spent "$SECONDS" "$@"
}
