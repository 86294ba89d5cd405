"""Damaged pictures through the real program: soak_hostile.py PIXMILL FILES WORK_DIRECTORY.

Grinds a folder of changed files (`pixmill-fuzz files`) and accounts for every one of them: each has
exactly one result, done or failed with a code; nothing died, nothing was given up, and what is done
has outputs that are whole pictures.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import time

RECIPE = "thumb = resize:128 -> jpeg; gray = grayscale | rotate:90 -> png"
BEGIN_AND_END = {".jpg": (b"\xff\xd8\xff", b"\xff\xd9"), ".png": (b"\x89PNG", b"IEND\xaeB`\x82")}


def is_whole(path):
    content = path.read_bytes()
    begin, end = BEGIN_AND_END[path.suffix]
    return content.startswith(begin) and content.endswith(end)


def main(pixmill, files, work):
    out = work / "hostile-out"
    shutil.rmtree(out, ignore_errors=True)
    inputs = sorted(path for path in pathlib.Path(files).rglob("*") if path.is_file())
    began = time.monotonic()
    line = [pixmill, "run", files, "--recipe", RECIPE, "--out", out, "--json"]
    run = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    seconds = time.monotonic() - began
    if run.returncode not in (0, 1):
        sys.exit(f"the run ended with {run.returncode}: {run.stdout.decode()}")
    report = json.loads(run.stdout)
    documents = [json.loads(p.read_text()) for p in (out / ".pixmill/objects/results").glob("*/*.json")]
    names = collections.Counter(document["job"]["source"]["key"] for document in documents)
    states = collections.Counter(document["state"] for document in documents)
    codes = collections.Counter(d["code"] for d in documents if d["state"] == "failed")
    outputs = [path for path in out.rglob("*") if path.is_file() and ".pixmill" not in path.parts]
    broken = [path for path in outputs if not is_whole(path)]
    print(f"{len(inputs)} files in {seconds:.0f} s: {dict(sorted(states.items()))}")
    print(f"refused as: {dict(codes.most_common())}")
    print(f"workers that died: {report['workers_died']}; outputs: {len(outputs)}, not whole: {len(broken)}")
    is_exact = len(names) == len(inputs) and set(names.values()) == {1}
    expected = 2 * states["done"]
    wrong = [
        ("not one result for each file", not is_exact),
        ("neither done nor failed", set(states) - {"done", "failed"}),
        ("outputs that are not whole", broken),
        ("not two outputs for each that is done", len(outputs) != expected),
        ("workers died", report["workers_died"]),
    ]
    found = [what for what, is_so in wrong if is_so]
    if found:
        sys.exit("NOT as promised: " + ", ".join(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
