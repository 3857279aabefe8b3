"""Makes a program of the sample that a documentation page prints for a language.

    extract.py PAGE LANGUAGE FOLDER

The program replaces ours in FOLDER, a copy of the language's suite, whose build and call then run it.
"""

import os
import re
import sys
import textwrap
from pathlib import Path

# Language: the word on its fence, how its sample begins where a page has no fences, the file it belongs in.
SAMPLES = {
    "curl": ("bash", "curl --request", "permissions.sh"),
    "c#": ("csharp", "var client", None),
    "go": ("go", "package main", "permissions.go"),
    "java": ("java", "HttpResponse<", "src/main/java/Permissions.java"),
    "node": ("javascript", "var axios", "permissions.js"),
    "objective-c": ("obj-c", "#import", None),
    "php": ("php", "$curl =", "permissions.php"),
    "python": ("python", "import http.client", "permissions.py"),
    "ruby": ("ruby", "require 'uri'", "permissions.rb"),
    "swift": ("swift", "import Foundation", None),
}


def fenced(page: str, language: str) -> str | None:
    found = re.search(rf"^( *)```{re.escape(SAMPLES[language][0])} .*\n((?:.*\n)*?)\1```", page, re.MULTILINE)
    return textwrap.dedent(found[2]) if found else None


def unfenced(page: str, language: str) -> str | None:
    """From the sample's own first line to the first line of the next sample."""
    lines, begins = page.splitlines(), SAMPLES[language][1]
    others = tuple(begin for _, begin, _ in SAMPLES.values() if begin != begins)
    start = next((n for n, line in enumerate(lines) if line.startswith(begins)), None)
    if start is None:
        return None
    end = next(n for n, line in enumerate(lines) if n > start and line.startswith(others))
    return "\n".join(lines[start:end]) + "\n"


def as_program(sample: str, language: str) -> str:
    """The least that the snippet lacks to run."""
    if language == "java":
        return f"import kong.unirest.*;\npublic class Permissions {{ public static void main(String[] a) {{\n{sample}}} }}\n"
    if language == "php":
        return "<?php\n" + sample
    if language == "python":
        # The page leaves the host empty and puts it into the path.
        fixed = sample.replace('HTTPSConnection("")', 'HTTPSConnection("YOUR_DOMAIN")')
        return fixed.replace('"/YOUR_DOMAIN/', '"/').replace('"/{yourDomain}/', '"/')
    return sample


def filled_in(program: str) -> str:
    values = {
        "YOUR_DOMAIN": [os.environ["BASE_URL"].removeprefix("https://")],
        "API_ID": [os.environ["API_ID"]],
        "MGMT_API_ACCESS_TOKEN": [os.environ["MGMT_API_ACCESS_TOKEN"]],
        # One name twice in a list is refused.
        "PERMISSION_NAME": ["first", "second"],
        "PERMISSION_DESC": ["The first", "The second"],
    }
    program = program.replace("{yourDomain}", "YOUR_DOMAIN")
    for placeholder, wanted in values.items():
        if program.count(placeholder) != len(wanted):
            sys.exit(f"{placeholder} is {program.count(placeholder)} times in the sample, not {len(wanted)}")
        for value in wanted:
            program = program.replace(placeholder, value, 1)
    return program


def main() -> None:
    page, language, folder = sys.argv[1:]
    text = Path(page).read_text(encoding="utf-8")
    sample = fenced(text, language) or unfenced(text, language)
    if sample is None:
        sys.exit(f"{page} prints no sample for {language}")
    Path(folder, SAMPLES[language][2]).write_text(filled_in(as_program(sample, language)), encoding="utf-8")


main()
