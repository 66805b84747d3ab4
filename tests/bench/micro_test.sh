#!/usr/bin/env bash
# micro_test.sh PROGRAM - the micro-benchmarks: every family is there, and each of them measured what it says.
#
# How long anything takes is not looked at. The largest table and memory, a gigabyte each, are left out.
set -euo pipefail
micro=$1
result=$(mktemp)
trap 'rm -f "$result"' EXIT

fail() {
  echo "$*"
  exit 1
}

# All that bench/README.md speaks of.
families=(checksum/range checksum/update classify/port classify/source
  engine/{nothing,read,reassembly,decide,hold,error_reply,forward,fragment,turn} expiry/{again,expired,first}
  flow_table/{hit,install_delete,miss} memory/random publish/{compile,parse,write})

"$micro" '--benchmark_filter=-pairs:4000000|MB:1088' --benchmark_min_time=0.001 --benchmark_format=json >"$result"

errors=$(jq -r '.benchmarks[] | select(.error_occurred) | "\(.name): \(.error_message)"' "$result")
[[ -z $errors ]] || fail "$errors"
diff <(printf '%s\n' "${families[@]}" | sort) <(jq -r '.benchmarks[].name | split("/")[:2] | join("/")' "$result" | sort -u) ||
  fail "not the families that are expected (<) were measured (>)"
jq -e 'all(.benchmarks[]; .each > 0 and .each < 1)' "$result" >/dev/null || fail "a benchmark has no figure"
