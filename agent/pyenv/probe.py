"""Prints what an interpreter offers, as one JSON line; imports none of it."""
import json
import os
import sys
import sysconfig

try:
    from importlib import metadata
except ImportError:  # before 3.8
    metadata = None


def version(package):
    try:
        return metadata.version(package) if metadata else ""
    except metadata.PackageNotFoundError:
        return ""


managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
print(json.dumps({
    "executable": sys.executable,
    "implementation": sys.implementation.name,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "cloudpickle": version("cloudpickle") or "",
    "torch": version("torch") or "",
    "numpy": version("numpy") or "",
    "managed": sys.prefix == sys.base_prefix and os.path.exists(managed),
}))
