#!/usr/bin/env python3
"""Chaos: exports under load while the other system misbehaves, the server is killed, the disk is full and the clock jumps.

    cargo build --release
    tests/long/chaos.py [--annex target/release/annex] [--kills 150] [--rate 50] [--seed 1]

Runs for some minutes, as root for the full disk (a tmpfs of its own), with libfaketime for the clock; without them it says
what it left out. It ends with 1 where one of these is not 0:

    lost            accepted by Annex, never taken by the other system
    two bodies      one idempotency key with two bodies
    out of order    a document's later version was taken before an earlier one
    sent as two     one delivery under two keys
    unexplained     taken twice under one key although nothing was killed, cut or late around it
"""

import argparse
import collections
import glob
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SECRET = "0123456789abcdef0123456789abcdef"
DOCUMENTS = 40
CONFIG = """
[server]
state = "state"

[[target]]
name = "erp"
url = "http://127.0.0.1:{erp}/"
timeout = "1s"

[[hook]]
path = "/export"
secrets = ["env:ROSSUM_SECRET"]

[[hook.step]]
use = "export"
name = "erp"
target = "erp"
deliver = "queued"
path = "invoices"
shape = "json"
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Erp:
    """The other system. It notes what it takes, and what it only pretends not to have taken."""

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.is_kind = False
        self.taken = []  # (time, key, document, version, digest, whether it was answered properly)
        self.bodies = collections.defaultdict(set)
        self.calls = 0
        erp = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                erp.call(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that was killed
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def call(self, request):
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        key = request.headers.get("idempotency-key", "")
        document, version = json.loads(body)["document_id"].split("-")
        with self.lock:
            self.calls += 1
            self.bodies[key].add(hashlib.sha256(body).hexdigest())
            mood = 1.0 if self.is_kind else self.random.random()
        if mood < 0.05:
            return self.answer(request, 503)
        if mood < 0.07:
            request.close_connection = True
            return None  # cut before anything is taken
        with self.lock:
            self.taken.append((time.monotonic(), key, int(document), int(version), mood >= 0.13))
        if mood < 0.10:  # taken, and the answer never comes
            request.close_connection = True
            return None
        if mood < 0.13:  # taken, and too late
            time.sleep(1.3)
        return self.answer(request, 200)

    def answer(self, request, status):
        try:
            request.send_response(status)
            request.send_header("content-length", "2")
            request.end_headers()
            request.wfile.write(b"{}")
        except OSError:
            request.close_connection = True


class Annex:
    """The server, started again and again in one folder."""

    def __init__(self, binary, folder, faketime):
        self.binary, self.folder, self.faketime = binary, folder, faketime
        self.port = free_port()
        self.process = None
        self.kills = []
        self.log = open(os.path.join(folder, "log"), "ab")

    def start(self, offset=None):
        environment = dict(os.environ, ROSSUM_SECRET=SECRET)
        if offset and self.faketime:
            environment |= {"LD_PRELOAD": self.faketime, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        command = [self.binary, "--config", "annex.toml", f"--dev-http=127.0.0.1:{self.port}", "--inspector=off"]
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )

    def kill(self, how):
        self.kills.append(time.monotonic())
        self.process.send_signal(how)
        self.process.wait()
        self.kills.append(time.monotonic())

    def waiting(self):
        command = [self.binary, "outbox", "list", "--json", "--config", "annex.toml"]
        environment = dict(os.environ, ROSSUM_SECRET=SECRET)
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, check=True)
        jobs = json.loads(done.stdout)
        return collections.Counter(job["state"] for job in jobs)


def payload(document, version, request_id):
    def datapoint(number, schema_id, value):
        content = {"value": value, "normalized_value": value}
        return {"id": number, "schema_id": schema_id, "category": "datapoint", "content": content}

    fields = [datapoint(1, "document_id", f"{document}-{version}"), datapoint(2, "notes", "n" * 3000)]
    section = {"id": 9, "schema_id": "header", "category": "section", "children": fields}
    return json.dumps(
        {
            "request_id": request_id,
            "event": "annotation_content",
            "action": "export",
            "annotation": {"id": 1000 + document, "content": [section]},
        }
    ).encode()


class Rossum(threading.Thread):
    """One document's exports, one version after another, each retried until it is accepted."""

    def __init__(self, annex, document, pause, over, seed):
        super().__init__(daemon=True)
        self.annex, self.document, self.pause, self.over = annex, document, pause, over
        self.random = random.Random(f"{seed}/{document}")
        self.accepted, self.refusals = [], collections.Counter()

    def run(self):
        version = 0
        while not self.over.is_set():
            version += 1
            body = payload(self.document, version, f"r-{self.document}-{version}")
            # A version is retried to its end: what Rossum was not told of may have been accepted.
            while not self.deliver(body):
                time.sleep(0.05 + self.random.random() / 5)
            self.accepted.append(version)
            time.sleep(self.pause * (0.5 + self.random.random()))

    def deliver(self, body):
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-rossum-signature-sha256": f"sha256={digest}", "content-type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.annex.port, timeout=10)
        try:
            connection.request("POST", "/export", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.refusals["no answer"] += 1
            return False
        finally:
            connection.close()
        if response.status == 200 and not any(m["type"] == "error" for m in answer.get("messages", [])):
            return True
        self.refusals[str(response.status)] += 1
        return False


def full_disk(state, over):
    """Fills the disk now and then, for two seconds."""
    filler = os.path.join(state, "filler")
    while not over.wait(6):
        try:
            with open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(b"\0" * 65536)
        except OSError:
            pass
        over.wait(2)
        if os.path.exists(filler):
            os.unlink(filler)


def verdict(erp, rossums, annex):
    problems = collections.Counter()
    first, keys, times = {}, collections.defaultdict(set), collections.defaultdict(list)
    for at, key, document, version, was_answered in erp.taken:
        first.setdefault((document, version), at)
        keys[document, version].add(key)
        times[key].append((at, was_answered))
    for rossum in rossums:
        problems["lost"] += sum((rossum.document, version) not in first for version in rossum.accepted)
        order = [first[rossum.document, version] for version in rossum.accepted if (rossum.document, version) in first]
        problems["out of order"] += sum(a > b for a, b in zip(order, order[1:]))
    problems["two bodies"] = sum(len(bodies) > 1 for bodies in erp.bodies.values())
    problems["sent as two"] = sum(len(all_keys) > 1 for all_keys in keys.values())
    duplicates = 0
    for all_times in times.values():
        for (at, was_answered), (again, _) in zip(all_times, all_times[1:]):
            duplicates += 1
            killed = any(at - 0.1 <= kill <= at + 3 for kill in annex.kills)
            problems["unexplained"] += was_answered and not killed
    return problems, duplicates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annex", default="target/release/annex")
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--rate", type=float, default=50, help="deliveries a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    folder = tempfile.mkdtemp(prefix="annex-chaos-")
    state = os.path.join(folder, "state")
    os.mkdir(state, 0o700)
    has_disk = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", state]
    )
    faketime = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
    for missing, what in ((not has_disk, "no full disk: not root"), (not faketime, "no clock jumps: no libfaketime")):
        if missing:
            print(f"left out: {what}")
    erp = Erp(options.seed)
    with open(os.path.join(folder, "annex.toml"), "w", encoding="utf-8") as file:
        file.write(CONFIG.format(erp=erp.port))
    annex = Annex(os.path.abspath(options.annex), folder, faketime)
    over, filled = threading.Event(), threading.Event()
    started = time.monotonic()
    annex.start()
    rossums = [Rossum(annex, number, DOCUMENTS / options.rate, over, options.seed) for number in range(DOCUMENTS)]
    for rossum in rossums:
        rossum.start()
    if has_disk:
        threading.Thread(target=full_disk, args=(state, filled), daemon=True).start()
    good = False
    try:
        for number in range(options.kills):
            time.sleep(0.4 + chance.random())
            annex.kill(signal.SIGKILL if number % 10 else signal.SIGTERM)
            annex.start(chance.choice([None, None, "-1d", "+1h", "+400d"]))
            if number % 25 == 24:
                accepted = sum(len(rossum.accepted) for rossum in rossums)
                print(f"{number + 1} kills, {accepted} accepted, {len(erp.taken)} taken", flush=True)
        filled.set()
        time.sleep(3)
        annex.kill(signal.SIGKILL)
        annex.start()
        over.set()
        for rossum in rossums:
            rossum.join(60)
        erp.is_kind = True
        until, states = time.monotonic() + 600, collections.Counter(waiting=1)
        while states["waiting"] and time.monotonic() < until:
            time.sleep(5)
            states = annex.waiting()
        problems, duplicates = verdict(erp, rossums, annex)
        refusals = sum((rossum.refusals for rossum in rossums), collections.Counter())
        accepted = sum(len(rossum.accepted) for rossum in rossums)
        print(f"{time.monotonic() - started:.0f} s, {options.kills} kills, {accepted} accepted, {erp.calls} calls")
        print(f"refused and retried: {dict(refusals)}; left in the outbox: {dict(states)}")
        print(f"taken twice under one key: {duplicates}")
        for name in ("lost", "two bodies", "out of order", "sent as two", "unexplained"):
            print(f"{name}: {problems[name]}")
        good = accepted > 0 and not sum(problems.values()) and not states["waiting"] and not states["dead"]
    finally:
        annex.kill(signal.SIGKILL)
        if has_disk:
            subprocess.call(["umount", state])
        if good:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"the server's log and what is left of its state: {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
