//! A request as a script wants to see it, whichever protocol it came in.

use serde_json::Value;

use crate::answer::Answer;
use crate::media::Media;
use crate::reply::Reply;
use crate::wire::Received;
use crate::{chat, messages};

/// The protocols that a scripted upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST …/chat/completions`
    Chat,
    /// `POST …/messages`
    Messages,
    /// `POST …/messages/count_tokens`
    CountTokens,
    /// `GET …/models`
    Models,
    /// `GET …/models/{id}`
    Model(String),
    /// Anything else.
    Other,
}

impl Operation {
    /// What this request asks for; any prefix before the known path is taken.
    pub fn of(request: &Received) -> Self {
        let path = request.path();
        match request.method.as_str() {
            "POST" if path.ends_with("/chat/completions") => Self::Chat,
            "POST" if path.ends_with("/messages") => Self::Messages,
            "POST" if path.ends_with("/messages/count_tokens") => Self::CountTokens,
            "GET" if path.ends_with("/models") => Self::Models,
            "GET" => match path.split_once("/models/") {
                Some((_, id)) if !id.is_empty() => Self::Model(id.replace("%2F", "/").replace("%2f", "/")),
                Some(_) | None => Self::Other,
            },
            _ => Self::Other,
        }
    }

    /// The protocol, if a model is to answer.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Chat => Some(Protocol::Chat),
            Self::Messages => Some(Protocol::Messages),
            Self::CountTokens | Self::Models | Self::Model(_) | Self::Other => None,
        }
    }
}

/// Whether a Chat stream ends with a usage chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageChunk {
    /// `stream_options.include_usage` was set.
    Sent,
    /// It was not.
    Withheld,
}

/// Which tool the model is to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Free,
    /// None at all.
    Never,
    /// This one.
    Named(String),
}

/// A tool that the request offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The schema of its arguments; `null` if there is none.
    pub schema: Value,
}

/// A request to a model.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The protocol it came in.
    pub protocol: Protocol,
    /// The whole body.
    pub body: Value,
    /// The model, without anything before its last slash.
    pub model: String,
    /// Is the answer to be streamed?
    pub stream: bool,
    /// Does a Chat stream end with usage?
    pub usage_chunk: UsageChunk,
    /// The tools on offer.
    pub tools: Vec<Tool>,
    /// Which tool is to be called.
    pub tool_choice: ToolChoice,
}

impl Ask {
    /// Reads the body of a chat completion or message. Fails with the answer for a request that is neither, or whose
    /// body is not a JSON object with a model and messages.
    pub fn read(request: &Received) -> Result<Self, Box<Reply>> {
        let Some(protocol) = Operation::of(request).protocol() else {
            return Err(Box::new(Protocol::Chat.error(404, "there is nothing at this path")));
        };
        let refuse = |why: &str| Box::new(protocol.error(400, why));
        let body: Value = serde_json::from_slice(&request.body).map_err(|_| refuse("the body is not JSON"))?;
        let Some(model) = body["model"].as_str() else { return Err(refuse("model: a string is required")) };
        if body["messages"].as_array().is_none_or(Vec::is_empty) {
            return Err(refuse("messages: at least one is required"));
        }
        let include_usage = body["stream_options"]["include_usage"] == true;
        Ok(Self {
            protocol,
            model: model.rsplit('/').next().unwrap_or_default().to_owned(),
            stream: body["stream"] == true,
            usage_chunk: if include_usage { UsageChunk::Sent } else { UsageChunk::Withheld },
            tools: items(&body["tools"]).iter().filter_map(Tool::read).collect(),
            tool_choice: ToolChoice::read(&body["tool_choice"]),
            body,
        })
    }

    /// `answer` as this request wants it: its protocol, its model's name, streamed or not.
    pub fn reply(&self, answer: &Answer) -> Reply {
        let answer = answer.clone().model(self.body["model"].as_str().unwrap_or_default());
        match (self.protocol, self.stream) {
            (Protocol::Chat, false) => chat::reply(&answer),
            (Protocol::Chat, true) => Reply::frames(chat::frames(&answer, self.usage_chunk)),
            (Protocol::Messages, false) => messages::reply(&answer),
            (Protocol::Messages, true) => messages::stream(&answer),
        }
    }

    /// An error in this request's protocol.
    pub fn error(&self, status: u16, message: &str) -> Reply {
        self.protocol.error(status, message)
    }

    /// The messages of the conversation.
    pub fn messages(&self) -> &[Value] {
        items(&self.body["messages"])
    }

    /// The last text that the user wrote; of several in one message the last.
    pub fn last_words(&self) -> &str {
        let mut users = self.messages().iter().rev().filter(|message| message["role"] == "user");
        users.find_map(|message| last_text(&message["content"])).unwrap_or_default()
    }

    /// What the tools answered since the model last spoke.
    pub fn tool_results(&self) -> Vec<String> {
        let spoken = self.messages().iter().rposition(|message| message["role"] == "assistant");
        let since = &self.messages()[spoken.map_or(0, |at| at + 1)..];
        let mut results = Vec::new();
        for message in since {
            if message["role"] == "tool" {
                results.push(all_text(&message["content"]));
            }
            let blocks = items(&message["content"]).iter().filter(|block| block["type"] == "tool_result");
            results.extend(blocks.map(|block| all_text(&block["content"])));
        }
        results
    }

    /// All pictures and documents, tool results included.
    pub fn media(&self) -> Vec<Media> {
        let mut media = Vec::new();
        for message in self.messages() {
            Media::collect(&message["content"], &mut media);
        }
        media
    }

    /// The JSON Schema that the answer is to fit.
    pub fn output_schema(&self) -> Option<&Value> {
        let schema = match self.protocol {
            Protocol::Chat => &self.body["response_format"]["json_schema"]["schema"],
            Protocol::Messages => &self.body["output_config"]["format"]["schema"],
        };
        schema.is_object().then_some(schema)
    }

    /// The tool to call, if one is offered and the choice allows it: the named one or the first.
    pub fn tool(&self) -> Option<&Tool> {
        match &self.tool_choice {
            ToolChoice::Free => self.tools.first(),
            ToolChoice::Never => None,
            ToolChoice::Named(name) => self.tools.iter().find(|tool| tool.name == *name),
        }
    }

    /// A rough count of the prompt's tokens.
    pub fn prompt_tokens(&self) -> u64 {
        count_tokens(&self.body)
    }
}

impl Protocol {
    /// An error in this protocol's shape.
    pub fn error(self, status: u16, message: &str) -> Reply {
        match self {
            Self::Chat => chat::error(status, message),
            Self::Messages => messages::error(status, message),
        }
    }
}

impl Tool {
    /// A function (Chat) or a custom tool (Messages); server tools have no name or no schema and are passed over.
    fn read(tool: &Value) -> Option<Self> {
        let function = &tool["function"];
        if let Some(name) = function["name"].as_str() {
            return Some(Self { name: name.to_owned(), schema: function["parameters"].clone() });
        }
        let schema = &tool["input_schema"];
        let name = tool["name"].as_str().filter(|_| schema.is_object())?;
        Some(Self { name: name.to_owned(), schema: schema.clone() })
    }
}

impl ToolChoice {
    fn read(choice: &Value) -> Self {
        let named = choice["function"]["name"].as_str().or_else(|| choice["name"].as_str());
        match named {
            Some(name) => Self::Named(name.to_owned()),
            None if *choice == "none" || choice["type"] == "none" => Self::Never,
            None => Self::Free,
        }
    }
}

/// A rough count of the tokens in a request: its characters by four.
pub(crate) fn count_tokens(body: &Value) -> u64 {
    (body.to_string().len() as u64 / 4).max(1)
}

/// The elements of an array; none of anything else.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn last_text(content: &Value) -> Option<&str> {
    content.as_str().or_else(|| items(content).iter().rev().find_map(|part| part["text"].as_str()))
}

fn all_text(content: &Value) -> String {
    match content.as_str() {
        Some(text) => text.to_owned(),
        None => items(content).iter().filter_map(|part| part["text"].as_str()).collect(),
    }
}
