//! Help, version and completions.

use crate::world::World;

const COMMANDS: [&[&str]; 25] = [
    &[],
    &["server"],
    &["server", "start"],
    &["server", "stop"],
    &["server", "restart"],
    &["server", "status"],
    &["server", "show-key"],
    &["model"],
    &["model", "list"],
    &["model", "refresh"],
    &["model", "resolve"],
    &["model", "priority"],
    &["model", "priority", "add"],
    &["model", "priority", "remove"],
    &["model", "priority", "clear"],
    &["model", "fallback"],
    &["model", "fallback", "set"],
    &["config"],
    &["config", "show"],
    &["config", "validate"],
    &["config", "schema"],
    &["config", "init"],
    &["status"],
    &["health"],
    &["completions"],
];

#[test]
fn the_help_of_every_command() {
    let world = World::new();
    let pages = COMMANDS.map(|command| {
        let title = [&["router-maestro"], command].concat().join(" ");
        format!("$ {title} --help\n\n{}", world.ok(&[command, &["--help"]].concat()))
    });
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn the_version_is_one_line() {
    let world = World::new();
    for flag in ["--version", "-V", "-v"] {
        assert_eq!(world.ok(&[flag]), format!("router-maestro {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.ok(&["completions", shell]);
        assert!(script.contains("router-maestro") && script.contains("priority"), "{shell}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let world = World::new();
    for arguments in [&[] as &[&str], &["nonsense"], &["server", "start", "--port", "70000"], &["completions", "cmd"]] {
        assert_eq!(world.run(arguments).code, Some(2), "{arguments:?}");
    }
}
