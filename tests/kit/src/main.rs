//! The control plane at the command line: `plimsoll-kit build | up | demo`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod demo;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::demo::Settings;
use plimsoll_kit::{Node, Options, Plane, Result, Rig, Tool};

const USAGE: &str = "\
Usage: plimsoll-kit COMMAND

  build          find or build the control plane's binaries, and say where they are
  up [--pids]    start a plane with three nodes in two zones, say how to reach it, and stay until Ctrl-C
  demo [--once] [--operator PATH] [--record FILE]
                 re-enact an outage with the operator watching, and stay until Ctrl-C
                 --once           end after the story: exit code 0 when everything was found, 1 otherwise
                 --operator PATH  run this binary instead of building one
                 --record FILE    record the story with plimsoll record, to be replayed
  demo admission --once [--operator PATH]
                 show what kubectl is told by the admission webhook, and what that costs
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["build"] => build(),
        ["demo", "admission", flags @ ..] => match settings(flags) {
            Some(settings) if settings.once && settings.record.is_none() => {
                match demo::admission::run(&settings) {
                    Ok(true) => Ok(()),
                    Ok(false) => return ExitCode::FAILURE,
                    Err(error) => Err(error),
                }
            }
            _ => return usage(),
        },
        ["demo", flags @ ..] => match settings(flags) {
            Some(settings) => match demo::run(&settings) {
                Ok(true) => Ok(()),
                Ok(false) => return ExitCode::FAILURE,
                Err(error) => Err(error),
            },
            None => return usage(),
        },
        ["up"] => up(false),
        ["up", "--pids"] => up(true),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => return usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}

fn settings(flags: &[&str]) -> Option<Settings> {
    let mut settings = Settings::default();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match *flag {
            "--once" => settings.once = true,
            "--record" => settings.record = Some(std::path::absolute(flags.next()?).ok()?),
            "--operator" => settings.operator = Some(std::path::absolute(flags.next()?).ok()?),
            _ => return None,
        }
    }
    Some(settings)
}

fn build() -> Result<()> {
    let rig = Rig::ready()?;
    for tool in Tool::CONTROL_PLANE {
        println!("{}", rig.path(tool).display());
    }
    Ok(())
}

fn up(pids: bool) -> Result<()> {
    let plane = Plane::start(Options::default())?;
    let nodes = [("node-a", "zone-1"), ("node-b", "zone-1"), ("node-c", "zone-2")];
    plane.add_nodes(&nodes.map(|(name, zone)| Node::new(name, zone)))?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    println!("kubectl={}", plane.rig().path(Tool::Kubectl).display());
    println!("timescale={:.2}", plane.time_scale());
    if pids {
        let pids: Vec<String> = plane.pids().iter().map(|(_, pid)| pid.to_string()).collect();
        println!("pids={}", pids.join(" "));
    }
    println!("Ctrl-C ends it.");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}
