"""The reports: each part's section is between two marks and replaced whole; what people wrote around
them stays."""

import pathlib

BENCHES = pathlib.Path(__file__).resolve().parent.parent
REPORTS = {"api": "API.md"}


def write(part, lines):
    """Puts a part's section where it was, or at the end."""
    path = BENCHES / REPORTS.get(part, "PIPELINE.md")
    text = path.read_text()
    begin, end = f"<!-- Written by `make bench-pipeline PART={part}`. -->\n", f"<!-- {part} ends. -->\n"
    before, found, rest = text.partition(begin)
    if found:
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"{path} has lost the line {end}")
    else:
        before, after = text.rstrip("\n") + "\n\n", ""
    path.write_text(before + begin + "\n".join(lines).rstrip("\n") + "\n" + end + after)
    print(f"written: {path}", flush=True)


def table(head, rows):
    """A table of Markdown."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
