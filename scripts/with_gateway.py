"""Runs a command beside a gateway whose providers are all one scripted upstream.

Starts target/debug/scripted-upstream and target/debug/router-maestro, both on free loopback ports and the gateway in
directories of its own, waits until the gateway is ready, runs COMMAND and stops what it started. COMMAND finds
ROUTER_URL, ROUTER_KEY and UPSTREAM_URL in its environment. Exits with COMMAND's status; 1 if the gateway did not start,
or did not end cleanly when asked to.
"""

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path(__file__).resolve().parent.parent / "target" / "debug"
START_SECONDS = 30
STOP_SECONDS = 40
LOG_TAIL = 60


def providers(upstream: str) -> dict:
    """One upstream under four names: two to be asked for, two for the priority list."""
    kinds = {"chat": "openai-compatible", "messages": "anthropic"}
    names = {"up-chat": "chat", "up-messages": "messages", "flaky": "chat", "steady": "messages"}
    return {
        "providers": {
            name: {"type": kinds[speaks], "baseURL": f"{upstream}/v1", "apiKey": f"sk-{name}"}
            for name, speaks in names.items()
        }
    }


# Asked for `router-maestro`, the gateway meets three kinds of failure before an answer.
PRIORITIES = {
    "priorities": ["flaky/e429", "flaky/e529", "flaky/e-stream", "steady/text"],
    "fallback": {"strategy": "priority", "maxRetries": 3},
}


@contextmanager
def scripted_upstream(script: str):
    """Yields its URL. It ends when its standard input does."""
    command = [BINARIES / "scripted-upstream", "--port", "0", "--script", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://{process.stdout.readline().split()[-1]}"
        process.stdin.close()


@contextmanager
def gateway(home: Path, upstream: str, key: str):
    """Yields the gateway's URL once it is ready, and checks that it ends well."""
    config = home / "config" / "router-maestro"
    config.mkdir(parents=True)
    write_private(config / "providers.json", providers(upstream))
    write_private(config / "priorities.json", PRIORITIES)
    port = free_port()
    command = [BINARIES / "router-maestro", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    # Nothing of the user's own: no vendor keys, no configuration.
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "ROUTER_MAESTRO_API_KEY": key,
    }
    with open(home / "gateway.log", "wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(process, url)
        yield url
    finally:
        stop(process)


def write_private(file: Path, content: dict) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until_ready(process: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise GatewayError("the gateway did not become ready")


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise GatewayError(f"the gateway still ran {STOP_SECONDS} s after SIGTERM") from None
    if status != 0:
        raise GatewayError(f"the gateway ended with status {status}")


class GatewayError(Exception):
    pass


def run(script: str, command: list[str], home: Path) -> int:
    key = f"sk-test-{secrets.token_hex(16)}"
    with scripted_upstream(script) as upstream, gateway(home, upstream, key) as url:
        environment = {**os.environ, "ROUTER_URL": url, "ROUTER_KEY": key, "UPSTREAM_URL": upstream}
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--script", required=True)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    # A plain SIGTERM would end this process without stopping what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="router-maestro-test-") as home:
        try:
            status = run(arguments.script, arguments.command, Path(home))
        except GatewayError as error:
            print(f"with_gateway: {error}", file=sys.stderr)
            status = 1
        log = Path(home, "gateway.log")
        if status != 0 and log.exists():
            lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
            print("\n".join(["the gateway's last words:", *lines]), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
