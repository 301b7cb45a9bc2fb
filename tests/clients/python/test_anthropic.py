"""The official Anthropic SDK against the gateway, over Messages and Chat upstreams."""

import json

import anthropic
import pytest
from cases import CONCLUSION, PNG, PNG_BYTES, SCHEMA, TEXT, THOUGHT, WEATHER

HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [{"name": "weather", "description": "Says the weather", "input_schema": WEATHER}]
FORMAT = {"format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.fixture
def client(router_url, router_key):
    return anthropic.Anthropic(base_url=router_url, api_key=router_key, max_retries=0, timeout=20)


@pytest.fixture
def ask(client, mode):
    """Asks a model; the message, which the SDK puts together itself when it is streamed."""

    def whole(**request):
        return client.messages.create(max_tokens=2048, **request)

    def streamed(**request):
        with client.messages.stream(max_tokens=2048, **request) as stream:
            return stream.get_final_message()

    return {"whole": whole, "streamed": streamed}[mode]


def events(client, **request):
    return client.messages.create(max_tokens=2048, stream=True, **request)


def test_text_arrives_with_its_usage(ask, provider, upstream, upstream_path):
    message = ask(model=f"{provider}/text", messages=HELLO)
    assert (message.role, message.stop_reason) == ("assistant", "end_turn")
    assert [(block.type, block.text) for block in message.content] == [("text", TEXT)]
    assert (message.usage.input_tokens, message.usage.output_tokens) == (12, 5)
    assert upstream.paths() == [upstream_path]


def test_a_stream_brings_the_text_in_pieces(client, provider):
    stream = events(client, model=f"{provider}/stream", messages=HELLO)
    deltas = [event.delta for event in stream if event.type == "content_block_delta"]
    assert len(deltas) > 1
    assert "".join(delta.text for delta in deltas) == TEXT


@pytest.mark.parametrize(
    "model, cities, answers",
    [("tool", ["Oslo"], ["12 degrees"]), ("parallel-tools", ["Oslo", "Bergen"], ["12 degrees", "rain"])],
)
def test_tools_are_called_and_their_results_come_back(ask, provider, upstream, model, cities, answers):
    request = {"model": f"{provider}/{model}", "tools": TOOLS}
    message = ask(messages=HELLO, **request)
    calls = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use"
    assert [(call.name, call.input["city"]) for call in calls] == [("weather", city) for city in cities]
    assert len({call.id for call in calls}) == len(calls)

    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": answer} for call, answer in zip(calls, answers)
    ]
    turns = [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    report = ask(messages=[*HELLO, *turns], **request).content[0].text
    assert report == f"The tools answered: {' and '.join(answers)}"
    sent = upstream.posts()[-1]["body"]
    assert all(sent.count(call.id) == 2 for call in calls), "call and result carry one id"


def test_tool_arguments_stream_in_pieces(client, provider):
    stream = events(client, model=f"{provider}/tool", messages=HELLO, tools=TOOLS)
    deltas = [event.delta for event in stream if event.type == "content_block_delta"]
    pieces = [delta.partial_json for delta in deltas if delta.partial_json]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"city": "Oslo"}


def test_thinking_has_a_signature_and_can_be_sent_back(ask, provider, upstream):
    request = {"model": f"{provider}/thinking", "thinking": {"type": "adaptive"}}
    message = ask(messages=HELLO, **request)
    thought, text = message.content
    assert (thought.type, thought.thinking, text.text) == ("thinking", THOUGHT, CONCLUSION)
    assert thought.signature
    assert (message.usage.output_tokens, message.usage.output_tokens_details.thinking_tokens) == (12, 7)

    turns = [{"role": "assistant", "content": message.content}, {"role": "user", "content": "and now?"}]
    assert ask(messages=[*HELLO, *turns], **request).content[-1].text == CONCLUSION
    spoken = upstream.bodies()[-1]["messages"][1]["content"]
    if provider == "up-messages":
        assert spoken[0] == {"type": "thinking", "thinking": THOUGHT, "signature": thought.signature}
    else:
        assert thought.signature not in upstream.posts()[-1]["body"], "a signature means nothing to a Chat upstream"


def test_a_picture_reaches_the_upstream_unchanged(ask, provider, upstream):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "text", "text": "what is this?"}, {"type": "image", "source": source}]
    message = ask(model=f"{provider}/image", messages=[{"role": "user", "content": content}])
    assert message.content[0].text == f"image/png {PNG_BYTES} bytes"
    assert PNG in upstream.posts()[0]["body"]


def test_structured_output_fits_the_schema(ask, provider):
    message = ask(model=f"{provider}/json-schema", messages=HELLO, output_config=FORMAT)
    assert json.loads(message.content[0].text) == {"city": "Oslo", "pop": 717710}


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
def test_an_error_status_raises_its_own_class_with_the_message(ask, provider, status, kind):
    with pytest.raises(kind) as raised:
        ask(model=f"{provider}/e{status}", messages=HELLO)
    assert raised.value.status_code == status
    assert "scripted error" in raised.value.message


def test_an_error_that_opens_a_200_raises_the_class_of_its_status(ask, provider):
    with pytest.raises(anthropic.InternalServerError, match="Overloaded"):
        ask(model=f"{provider}/e-stream", messages=HELLO)


def test_an_error_after_content_raises_after_the_text_so_far(client, provider):
    text = ""
    with pytest.raises(anthropic.APIError, match="Overloaded"):
        for event in events(client, model=f"{provider}/e-mid", messages=HELLO):
            text += event.delta.text if event.type == "content_block_delta" else ""
    assert text and TEXT.startswith(text)


def test_a_cut_answer_is_an_error(ask, provider):
    with pytest.raises(anthropic.APIError):
        ask(model=f"{provider}/cut", messages=HELLO)


def test_the_first_upstreams_failures_stay_unseen(ask, upstream):
    assert ask(model="router-maestro", messages=HELLO).content[0].text == TEXT
    assert [body["model"] for body in upstream.bodies()] == ["e429", "e529", "e-stream", "text"]


def test_tokens_are_counted_for_every_upstream(client, provider):
    assert client.messages.count_tokens(model=f"{provider}/text", messages=HELLO).input_tokens > 0


def test_models_are_listed_under_their_providers(client, provider):
    assert {f"{provider}/text", f"{provider}/tool"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(f"{provider}/text").id == f"{provider}/text"


def test_a_wrong_key_is_refused(client, upstream):
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="sk-wrong").messages.create(model="up-messages/text", max_tokens=9, messages=HELLO)
    assert upstream.posts() == []
