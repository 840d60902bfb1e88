"""Prints what an interpreter offers, as one JSON line; imports none of it."""
import json
import os
import sys
import sysconfig
import time

try:
    from importlib import metadata
except ImportError:  # before 3.8
    metadata = None

MOST = 1000  # modules; of more, none are told
PATIENCE = 5  # seconds for the lists of files, which a cold network disk gives slowly
ENDINGS = (".py", ".so", ".pyd")


def version(package):
    try:
        return metadata.version(package) if metadata else ""
    except metadata.PackageNotFoundError:
        return ""


def modules():
    """Top-level modules with the version of the distribution that has them.

    All or none: of half a list nobody could say that a module is missing.
    """
    found, until = {}, time.monotonic() + PATIENCE
    for distribution in metadata.distributions() if metadata else ():
        for name in tops(distribution):
            found.setdefault(name, distribution.version)
        if len(found) > MOST or time.monotonic() > until:
            return None
    return found


def tops(distribution):
    """From top_level.txt, where there is one; from RECORD else. An editable install may name none."""
    listed = distribution.read_text("top_level.txt")
    names = listed.split() if listed else files(distribution)
    names = {name for name in names if name.isidentifier() and not name.startswith("_")}
    if not names and distribution.metadata["Name"]:  # a broken one has none
        names = {distribution.metadata["Name"].replace("-", "_").lower()}
    return names


def files(distribution):
    for line in (distribution.read_text("RECORD") or "").splitlines():
        path = line.partition(",")[0]
        top, slash, _ = path.partition("/")
        if slash or path.endswith(ENDINGS):
            yield top if slash else top.partition(".")[0]


managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
try:
    installed = modules()
except Exception:  # a broken distribution among good ones: jobs may not need it
    installed = None
print(json.dumps({
    "executable": sys.executable,
    "implementation": sys.implementation.name,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "cloudpickle": version("cloudpickle") or "",
    "torch": version("torch") or "",
    "numpy": version("numpy") or "",
    "managed": sys.prefix == sys.base_prefix and os.path.exists(managed),
    "modules": installed,
}))
