//! Probes and hooks: how they reach their container. What they run or ask there is not looked at.

use serde::Deserialize;

use super::loose::{Fields, Loose, Struct};
use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::template::Handler;

/// A probe or a hook.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HandlerFields {
    exec: Struct<Unread>,
    grpc: Struct<Unread>,
    http_get: Struct<Unread>,
    sleep: Struct<Unread>,
    tcp_socket: Struct<Unread>,
}

/// A map of which only is read that it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Unread {}

/// What a probe may do, by the field that says so.
const PROBES: [Handler; 4] = [Handler::Exec, Handler::Grpc, Handler::HttpGet, Handler::TcpSocket];

/// What a hook may do.
const HOOKS: [Handler; 4] = [
    Handler::Exec,
    Handler::HttpGet,
    Handler::Sleep,
    Handler::TcpSocket,
];

/// How the probe at `path` asks.
pub(super) fn probe(probe: Struct<HandlerFields>, path: Path<'_>, problems: &mut Problems) -> Field<Handler> {
    handler(probe, PROBES, path, problems)
}

/// What the hook at `path` does.
pub(super) fn hook(hook: Struct<HandlerFields>, path: Path<'_>, problems: &mut Problems) -> Field<Handler> {
    handler(hook, HOOKS, path, problems)
}

/// The one thing of those `wanted` that is said; none, or more than one, is refused.
fn handler(
    fields: Struct<HandlerFields>,
    wanted: [Handler; 4],
    path: Path<'_>,
    problems: &mut Problems,
) -> Field<Handler> {
    let mut fields = match fields.field(path, problems) {
        Field::Absent => return Field::Absent,
        Field::Invalid => return Field::Invalid,
        Field::Set(Fields(fields)) => fields,
    };
    let before = problems.count();
    let mut said = Vec::new();
    for one in wanted {
        let field = fields.take(one).take(path.key(key(one)), problems);
        said.extend(field.map(|_| one));
    }
    let choice = || wanted.map(key).join(", ");
    match said[..] {
        _ if problems.count() > before => return Field::Invalid,
        [one] => return Field::Set(one),
        [] => problems.add(path, format!("must say what it does; add one of {}", choice())),
        _ => problems.add(path, format!("must do one thing; keep one of {}", choice())),
    }
    Field::Invalid
}

impl HandlerFields {
    fn take(&mut self, one: Handler) -> Struct<Unread> {
        let field: &mut Loose<_> = match one {
            Handler::Exec => &mut self.exec,
            Handler::Grpc => &mut self.grpc,
            Handler::HttpGet => &mut self.http_get,
            Handler::Sleep => &mut self.sleep,
            Handler::TcpSocket => &mut self.tcp_socket,
        };
        std::mem::take(field)
    }
}

const fn key(one: Handler) -> &'static str {
    match one {
        Handler::Exec => "exec",
        Handler::Grpc => "grpc",
        Handler::HttpGet => "httpGet",
        Handler::Sleep => "sleep",
        Handler::TcpSocket => "tcpSocket",
    }
}
