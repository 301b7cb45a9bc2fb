"""What all Python suites share. scripts/with_gateway.py sets the environment."""

import json
import os
import urllib.request

import pytest


class Upstream:
    """The scripted upstream behind the gateway: what it received."""

    def __init__(self, url):
        self.url = url

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/__reset", method="POST")).close()

    def posts(self):
        """The requests to models, oldest first, their bodies as text."""
        with urllib.request.urlopen(f"{self.url}/__requests") as answer:
            return [request for request in json.load(answer) if request["method"] == "POST"]

    def paths(self):
        return [request["path"].partition("?")[0] for request in self.posts()]

    def bodies(self):
        return [json.loads(request["body"]) for request in self.posts()]


@pytest.fixture(scope="session")
def router_url():
    return os.environ["ROUTER_URL"]


@pytest.fixture(scope="session")
def router_key():
    return os.environ["ROUTER_KEY"]


@pytest.fixture
def upstream():
    upstream = Upstream(os.environ["UPSTREAM_URL"])
    upstream.reset()
    return upstream


@pytest.fixture(params=["up-chat", "up-messages"])
def provider(request):
    """Each pair of protocols: the upstream speaks what the client speaks, or the other one."""
    return request.param


@pytest.fixture
def upstream_path(provider):
    return {"up-chat": "/v1/chat/completions", "up-messages": "/v1/messages"}[provider]


@pytest.fixture(params=["whole", "streamed"])
def mode(request):
    """Whether the answer comes in one piece."""
    return request.param
