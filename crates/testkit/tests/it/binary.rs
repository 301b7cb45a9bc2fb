//! The scripted upstream as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rm_testkit::{Client, sdk};
use serde_json::json;

use crate::support::{CHAT, hi, post, said};

fn spawn(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted-upstream"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads the first line and returns the address in it.
fn listening(child: &mut Child) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.strip_prefix("listening on ").unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn it_says_where_it_listens_serves_and_ends_with_its_input() {
    let mut child = spawn(&["--port", "0", "--script", "sdk"]);
    let address = listening(&mut child);

    assert_eq!(said(&post(address, CHAT, &hi("text")).await), sdk::TEXT);
    let mut client = Client::connect(address).await.unwrap();
    client.get("/__requests", &[]).await.unwrap();
    let requests = client.response().await.unwrap().json();
    assert_eq!(requests.as_array().unwrap().len(), 1);
    assert_eq!((&requests[0]["path"], &requests[0]["body"]), (&json!(CHAT), &json!(hi("text").to_string())));
    client.post("/__reset", &json!({})).await.unwrap();
    assert_eq!(client.response().await.unwrap().status, 200);
    client.get("/__requests", &[]).await.unwrap();
    assert_eq!(client.response().await.unwrap().json(), json!([]));

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_at_sigterm_while_its_input_is_open() {
    let mut child = spawn(&["--script", "demo"]);
    listening(&mut child);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    // `wait` would close the input first.
    let input = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(input);
}

#[test]
fn it_refuses_an_unknown_script() {
    assert_eq!(spawn(&["--script", "nonsense"]).wait().unwrap().code(), Some(2));
}
