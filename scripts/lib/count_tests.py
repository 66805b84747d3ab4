#!/usr/bin/env python3
"""count_tests.py - add up the JUnit files that ctest wrote, by test case.

scripts/lib/count_tests.py FILE...

A doctest program counts with its cases, any other test as one. ctest calls a whole program skipped as soon as one
"SKIPPED:" is in its output, even when another of its cases failed; so the program's own summary decides here.
Prints what was skipped and what failed, then "N passed N failed N skipped"; status 1 when something failed.
"""

import re
import sys
import xml.etree.ElementTree

SUMMARY = re.compile(r"test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped")
SKIPPED = re.compile(r"^.*SKIPPED:.*$", re.MULTILINE)


def count(case):
    """(passed, failed, skipped, lines to show) of one ctest test."""
    name = case.get("name")
    output = case.findtext("system-out") or ""
    skips = SKIPPED.findall(output)
    lines = [f"{name}: {line.strip()}" for line in skips]
    summary = SUMMARY.search(output)
    status = case.get("status")
    if summary:
        _, passed, failed, filtered = map(int, summary.groups())
        if status == "fail":  # time-out, crash or leak behind a green summary
            failed = max(failed, 1)
        passed = max(passed - len(skips), 0)
        skipped = len(skips) + filtered
    else:
        crashed = "[doctest]" in output  # it began and never came to its summary
        failed = 1 if status == "fail" or crashed else 0
        skipped = 1 if not failed and status != "run" else 0
        passed = 1 - failed - skipped
        if skipped and not skips:
            reason = case.find("skipped")
            message = (reason.get("message") if reason is not None else None) or status
            if "Unable to find" in message:  # the program was never built
                failed, skipped = 1, 0
            else:
                lines.append(f"{name}: SKIPPED: {message}")
    if failed:
        if status != "fail":  # ctest did not show it
            lines.append(output.strip())
        lines.append(f"{name}: FAILED")
    return passed, failed, skipped, lines


def main(files):
    totals = [0, 0, 0]
    for file in files:
        for case in xml.etree.ElementTree.parse(file).getroot().iter("testcase"):
            *numbers, lines = count(case)
            totals = [total + number for total, number in zip(totals, numbers)]
            for line in lines:
                print(line, file=sys.stderr)
    print("{} passed {} failed {} skipped".format(*totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
