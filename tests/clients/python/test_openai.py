"""The official OpenAI SDK against the gateway, over Chat and Messages upstreams."""

import json

import openai
import pytest
from cases import CONCLUSION, PNG, PNG_BYTES, SCHEMA, TEXT, THOUGHT, WEATHER

HELLO = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Says the weather", "parameters": WEATHER}}]
FORMAT = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": SCHEMA}}


@pytest.fixture
def client(router_url, router_key):
    return openai.OpenAI(base_url=f"{router_url}/v1", api_key=router_key, max_retries=0, timeout=20)


@pytest.fixture
def ask(client, mode):
    """Asks a model; the completion, which the SDK puts together itself when it is streamed."""

    def whole(**request):
        return client.chat.completions.create(**request)

    def streamed(**request):
        with client.chat.completions.stream(stream_options={"include_usage": True}, **request) as stream:
            return stream.get_final_completion()

    return {"whole": whole, "streamed": streamed}[mode]


def test_text_arrives_with_its_usage(ask, provider, upstream, upstream_path):
    completion = ask(model=f"{provider}/text", messages=HELLO)
    choice, usage = completion.choices[0], completion.usage
    assert (choice.message.role, choice.message.content) == ("assistant", TEXT)
    assert choice.finish_reason == "stop"
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (12, 5, 17)
    assert upstream.paths() == [upstream_path]


def test_a_stream_brings_the_text_in_pieces(client, provider):
    stream = client.chat.completions.create(model=f"{provider}/stream", messages=HELLO, stream=True)
    chunks = list(stream)
    assert all(chunk.choices for chunk in chunks), "a chunk without choices, though no usage was asked for"
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == TEXT


@pytest.mark.parametrize(
    "model, cities, answers",
    [("tool", ["Oslo"], ["12 degrees"]), ("parallel-tools", ["Oslo", "Bergen"], ["12 degrees", "rain"])],
)
def test_tools_are_called_and_their_results_come_back(ask, provider, upstream, model, cities, answers):
    request = {"model": f"{provider}/{model}", "tools": TOOLS}
    choice = ask(messages=HELLO, **request).choices[0]
    calls = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["weather"] * len(cities)
    assert [json.loads(call.function.arguments)["city"] for call in calls] == cities
    assert len({call.id for call in calls}) == len(calls)

    results = [
        {"role": "tool", "tool_call_id": call.id, "content": answer} for call, answer in zip(calls, answers)
    ]
    turn = {"role": "assistant", "content": choice.message.content, "tool_calls": [call.to_dict() for call in calls]}
    for call in turn["tool_calls"]:
        # Notes of the SDK's stream helper, not part of the wire format.
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    report = ask(messages=[*HELLO, turn, *results], **request).choices[0].message.content
    assert report == f"The tools answered: {' and '.join(answers)}"
    sent = upstream.posts()[-1]["body"]
    assert all(sent.count(call.id) == 2 for call in calls), "call and result carry one id"


def test_tool_arguments_stream_in_pieces(client, provider):
    stream = client.chat.completions.create(model=f"{provider}/tool", messages=HELLO, tools=TOOLS, stream=True)
    deltas = [chunk.choices[0].delta.tool_calls[0] for chunk in stream if chunk.choices[0].delta.tool_calls]
    assert deltas[0].id and deltas[0].function.name == "weather"
    pieces = [delta.function.arguments for delta in deltas if delta.function.arguments]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"city": "Oslo"}


def test_thinking_is_visible_and_counted(ask, provider):
    completion = ask(model=f"{provider}/thinking", messages=HELLO, reasoning_effort="high")
    message, usage = completion.choices[0].message, completion.usage
    assert message.reasoning_content == THOUGHT
    assert message.content == CONCLUSION
    assert (usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens) == (12, 7)


def test_a_picture_reaches_the_upstream_unchanged(ask, provider, upstream):
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, picture]}]
    completion = ask(model=f"{provider}/image", messages=messages)
    assert completion.choices[0].message.content == f"image/png {PNG_BYTES} bytes"
    assert PNG in upstream.posts()[0]["body"]


def test_structured_output_fits_the_schema(ask, provider):
    # A Messages model that is known to take a schema.
    completion = ask(model=f"{provider}/claude-sonnet-5/json-schema", messages=HELLO, response_format=FORMAT)
    assert json.loads(completion.choices[0].message.content) == {"city": "Oslo", "pop": 717710}


def test_structured_output_comes_from_a_tool_where_the_model_takes_no_schema(ask):
    completion = ask(model="up-messages/tool", messages=HELLO, response_format=FORMAT)
    choice = completion.choices[0]
    assert json.loads(choice.message.content) == {"city": "Oslo", "pop": 1}
    assert (choice.message.tool_calls, choice.finish_reason) == (None, "stop")


@pytest.mark.parametrize(
    "status, kind",
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_an_error_status_raises_its_own_class_with_the_message(ask, provider, status, kind):
    with pytest.raises(kind) as raised:
        ask(model=f"{provider}/e{status}", messages=HELLO)
    assert "scripted error" in raised.value.message


def test_an_error_that_opens_a_200_raises_the_class_of_its_status(ask, provider):
    with pytest.raises(openai.InternalServerError, match="Overloaded"):
        ask(model=f"{provider}/e-stream", messages=HELLO)


def test_an_error_after_content_raises_after_the_text_so_far(client, provider):
    text = ""
    with pytest.raises(openai.APIError, match="Overloaded"):
        for chunk in client.chat.completions.create(model=f"{provider}/e-mid", messages=HELLO, stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text and TEXT.startswith(text)


def test_a_cut_answer_is_an_error(ask, provider):
    with pytest.raises(openai.APIError):
        ask(model=f"{provider}/cut", messages=HELLO)


def test_the_first_upstreams_failures_stay_unseen(ask, upstream):
    completion = ask(model="router-maestro", messages=HELLO)
    assert completion.choices[0].message.content == TEXT
    assert [body["model"] for body in upstream.bodies()] == ["e429", "e529", "e-stream", "text"]


def test_models_are_listed_under_their_providers(client, provider):
    assert {f"{provider}/text", f"{provider}/tool"} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(f"{provider}/text").id == f"{provider}/text"


def test_a_wrong_key_is_refused(client, upstream):
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").chat.completions.create(model="up-chat/text", messages=HELLO)
    assert upstream.posts() == []
