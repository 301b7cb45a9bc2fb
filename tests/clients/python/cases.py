"""What the OpenAI and the Anthropic suite ask, and what the scripted upstream answers."""

import base64

TEXT = "Hello from the scripted upstream."
THOUGHT = "Six times seven should do."
CONCLUSION = "It is forty-two."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "pop": {"type": "integer"}},
    "required": ["city", "pop"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city"}},
    "required": ["city"],
    "additionalProperties": False,
}
# One red pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
PNG_BYTES = len(base64.b64decode(PNG))
