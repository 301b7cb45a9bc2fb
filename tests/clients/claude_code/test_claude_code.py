"""The real Claude Code command line, in print mode, through the gateway: one Bash tool round trip."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

# What the scripted model has Bash print.
MARKER = "router-maestro-was-here"
SECONDS = 120


@pytest.fixture
def proxy():
    """Where a request off this machine would go: a listener that answers nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def claude(tmp_path, proxy, router_url, router_key):
    """Runs Claude Code in a home of its own; its result as JSON."""
    package = Path(os.environ["CLIENT_PACKAGES"], "node_modules", "@anthropic-ai", "claude-code")
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ANTHROPIC_BASE_URL": router_url,
        "ANTHROPIC_AUTH_TOKEN": router_key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "HTTPS_PROXY": "http://{}:{}".format(*proxy.getsockname()),
        "HTTP_PROXY": "http://{}:{}".format(*proxy.getsockname()),
        "NO_PROXY": "127.0.0.1",
    }

    def run(prompt, *, model):
        # The wrapper finds the native binary for this platform; the packages' install scripts are not run.
        command = ["node", package / "cli-wrapper.cjs", "-p", prompt, "--model", model]
        options = ["--allowedTools", "Bash", "--output-format", "json"]
        done = subprocess.run(
            command + options, env=environment, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_claude_code_runs_bash_and_tells_what_it_printed(claude, provider, upstream, upstream_path, proxy):
    result = claude("Run the marker command.", model=f"{provider}/claude-scripted")

    assert result["result"] == f"The tool answered: {MARKER}"
    assert (result["is_error"], result["num_turns"]) == (False, 2)
    assert set(upstream.paths()) == {upstream_path}
    first, second = upstream.bodies()[0], upstream.bodies()[-1]
    assert "Bash" in tool_names(first)
    assert tool_result(second) == MARKER
    with pytest.raises(BlockingIOError):
        proxy.accept()


def tool_names(body):
    return [tool.get("function", tool).get("name") for tool in body["tools"]]


def tool_result(body):
    """The text of the last message, which answers the tool call, in either protocol."""
    content = body["messages"][-1]["content"]
    for block in content if isinstance(content, list) else []:
        if block["type"] == "tool_result":
            content = block["content"]
        elif block["type"] == "text":
            content = block["text"]
    return content
