#!/usr/bin/env python3
"""Writes a container image of one static binary: nothing else is in it, no shell, no distribution.

    dist/image.py BINARY amd64|arm64 VERSION IMAGE.tar

The archive is an OCI layout that `docker load` and `podman load` take, too (`manifest.json` is Docker's). It needs no engine,
and the same binary gives the same bytes. TLS has its own list of CAs, names are resolved by Annex: no file of a system is
missed. Times are UTC.
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import time

EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
# As distroless images have it: no user of the host.
USER = 65532


def entry(name, mode, owner=0, size=None):
    """A file of `size` bytes, or a folder."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uid, info.gid = mode, EPOCH, owner, owner
    if size is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = size
    return info


def archive(entries):
    """The bytes of a tar archive; `entries` are pairs of an entry and its content."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return written.getvalue()


def root(binary):
    """The image's only layer."""
    passwd = f"annex:x:{USER}:{USER}:Annex:/var/lib/annex:/sbin/nologin\n".encode()
    group = f"annex:x:{USER}:\n".encode()
    folders = ["etc/", "etc/annex/", "usr/", "usr/bin/", "var/", "var/lib/"]
    entries = [(entry(name, 0o755), None) for name in folders]
    entries += [
        (entry("etc/group", 0o644, size=len(group)), group),
        (entry("etc/passwd", 0o644, size=len(passwd)), passwd),
        (entry("tmp/", 0o1777), None),
        (entry("usr/bin/annex", 0o755, size=len(binary)), binary),
        # A new volume takes its owner from this folder.
        (entry("var/lib/annex/", 0o700, USER), None),
    ]
    return archive(entries)


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def settings(processor, version, layer):
    """How the image runs."""
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH)),
        "architecture": processor,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": ["/usr/bin/annex"],
            "Cmd": ["serve", "--config", "/etc/annex/annex.toml"],
            "WorkingDir": "/var/lib/annex",
            "Volumes": {"/var/lib/annex": {}},
            # The first two need no privilege where the engine sets net.ipv4.ip_unprivileged_port_start=0.
            "ExposedPorts": {"443/tcp": {}, "80/tcp": {}, "8081/tcp": {}},
            "StopSignal": "SIGTERM",
            # Docker's; Kubernetes asks the probe's port.
            "Healthcheck": {"Test": ["CMD", "/usr/bin/annex", "status"], "Interval": 30 * 10**9, "Timeout": 10 * 10**9},
            "Labels": {
                "org.opencontainers.image.title": "annex",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
                "org.opencontainers.image.description": "Rossum extensions over HTTPS",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created_by": "dist/image.py"}],
    }


def image(binary, processor, version):
    """The archive's bytes."""
    blobs = {}

    def blob(media, content):
        blobs[digest(content)] = content
        return {"mediaType": media, "digest": digest(content), "size": len(content)}

    as_json = lambda value: json.dumps(value, separators=(",", ":")).encode()
    vendor = "application/vnd.oci.image."
    layer = root(binary)
    packed = blob(vendor + "layer.v1.tar+gzip", gzip.compress(layer, mtime=0))
    config = blob(vendor + "config.v1+json", as_json(settings(processor, version, layer)))
    manifest = {"schemaVersion": 2, "mediaType": vendor + "manifest.v1+json", "config": config, "layers": [packed]}
    named = blob(vendor + "manifest.v1+json", as_json(manifest))
    named["platform"] = {"architecture": processor, "os": "linux"}
    tag = f"localhost/annex:{version}"
    named["annotations"] = {"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": version}
    path = lambda described: "blobs/sha256/" + described["digest"].removeprefix("sha256:")
    files = {
        "oci-layout": as_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": as_json({"schemaVersion": 2, "mediaType": vendor + "index.v1+json", "manifests": [named]}),
        "manifest.json": as_json([{"Config": path(config), "RepoTags": [tag], "Layers": [path(packed)]}]),
    }
    files |= {"blobs/sha256/" + name.removeprefix("sha256:"): content for name, content in blobs.items()}
    entries = [(entry(name, 0o755), None) for name in ("blobs/", "blobs/sha256/")]
    entries += [(entry(name, 0o644, size=len(content)), content) for name, content in sorted(files.items())]
    return archive(entries)


def main():
    if len(sys.argv) != 5 or sys.argv[2] not in ("amd64", "arm64"):
        sys.exit(__doc__)
    _, binary, processor, version, out = sys.argv
    with open(binary, "rb") as file:
        content = file.read()
    with open(out, "wb") as file:
        file.write(image(content, processor, version))


if __name__ == "__main__":
    main()
