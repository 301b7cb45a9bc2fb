"""Adds up what the suites of ./test reported, and exits with 1 if anything failed.

Reads a file with one suite a line (name, exit status, log; tab separated). A suite that failed without naming a failed
test, a build error for instance, counts as one failure; so does one that ran no test at all.
"""

import re
import sys
from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What each runner closes with.
NEXTEST = re.compile(r"^ *Summary .*?(\d+)(?:/\d+)? tests? run: (\d+) passed", re.M)
CARGO_TEST = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.M)
PYTEST = re.compile(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.M)
NODE = re.compile(r"^(?:#|ℹ) (pass|fail|cancelled) (\d+)$", re.M)

# Crates without examples in their documentation are no failure.
MAY_BE_EMPTY = {"documentation"}


def counts(log: str) -> tuple[int, int]:
    """The tests that passed and failed."""
    passed = failed = 0
    for run, good in NEXTEST.findall(log):
        passed, failed = passed + int(good), failed + int(run) - int(good)
    for good, bad in CARGO_TEST.findall(log):
        passed, failed = passed + int(good), failed + int(bad)
    for line in PYTEST.findall(log):
        words = {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", line)}
        passed += words.get("passed", 0)
        failed += sum(words.get(word, 0) for word in ("failed", "error", "errors"))
    for word, count in NODE.findall(log):
        passed, failed = (passed + int(count), failed) if word == "pass" else (passed, failed + int(count))
    return passed, failed


def main() -> int:
    total_passed = total_failed = 0
    for line in Path(sys.argv[1]).read_text().splitlines():
        name, status, log = line.split("\t")
        passed, failed = counts(ANSI.sub("", Path(log).read_text(errors="replace")))
        silent = passed == 0 and name not in MAY_BE_EMPTY
        if failed == 0 and (status != "0" or silent):
            failed = 1
        print(f"{name:15} {passed:5} passed {failed:5} failed")
        total_passed, total_failed = total_passed + passed, total_failed + failed
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
