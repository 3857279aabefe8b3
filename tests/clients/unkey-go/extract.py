"""Prints the Go program of a documentation page, with our server and our permission in it.

    extract.py PAGE PERMISSION_ID
"""

import os
import re
import sys
from pathlib import Path


def put(program: str, printed: str, ours: str) -> str:
    if program.count(printed) != 1:
        sys.exit(f"{printed} is {program.count(printed)} times in the program, not once")
    return program.replace(printed, ours)


def main() -> None:
    page, permission = sys.argv[1:]
    text = Path(page).read_text(encoding="utf-8")
    found = re.search(r"^package main\n.*?^func main\(\) \{\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    if found is None:
        sys.exit(f"{page} prints no Go program")
    server = f'unkey.New(\n        unkey.WithServerURL("{os.environ["BASE_URL"]}"),'
    print(put(put(found[0], "unkey.New(", server), "perm_1234567890abcdef", permission), end="")


main()
