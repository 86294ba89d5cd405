"""Writes what the program is built of as CycloneDX 1.5: sbom.py OUTPUT [CARGO ARGUMENT...].

From `cargo metadata` and Cargo.lock alone, so that it needs nothing installed. Only what ends up in
the program counts: dependencies of tests and of build scripts do not.
"""

import json
import os
import re
import subprocess
import sys


def metadata(arguments):
    host = next(l.split(": ")[1] for l in run("rustc", "-vV").splitlines() if l.startswith("host"))
    cargo = os.environ.get("CARGO", "cargo")
    line = [cargo, "metadata", "--locked", "--format-version", "1", "--filter-platform", host]
    return json.loads(run(*line, *arguments))


def run(*line):
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def checksums():
    with open("Cargo.lock", encoding="utf-8") as lock:
        rows = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"', lock.read())
    return {(name, version): checksum for name, version, checksum in rows}


def built(root, nodes):
    """The ids of all that the root is linked with."""
    found, waiting = set(), [root]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        normal = lambda dependency: any(kind["kind"] is None for kind in dependency["dep_kinds"])
        waiting += [dependency["pkg"] for dependency in nodes[one]["deps"] if normal(dependency)]
    return found


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums):
    described = {
        "type": "application" if package["name"] == "pixmill" else "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "licenses": [{"expression": (package["license"] or "NOASSERTION").replace("/", " OR ")}],
    }
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


def main(output, *arguments):
    known = metadata(arguments)
    packages = {package["id"]: package for package in known["packages"]}
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    root = known["resolve"]["root"]
    ids = sorted(built(root, nodes), key=lambda id: purl(packages[id]))
    sums = checksums()
    depends = lambda id: sorted(purl(packages[d]) for d in nodes[id]["dependencies"] if d in ids)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], sums)},
        "components": [component(packages[id], sums) for id in ids if id != root],
        "dependencies": [{"ref": purl(packages[id]), "dependsOn": depends(id)} for id in ids],
    }
    with open(output, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    print(f"{output}: {len(ids) - 1} components")


if __name__ == "__main__":
    main(*sys.argv[1:])
