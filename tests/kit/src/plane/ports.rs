//! Free ports on 127.0.0.1.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{IoContext, Result};

/// Below what operating systems hand out to outgoing connections (32768 and up), so that none of those can take a
/// port between its choice and its use.
const RANGE: std::ops::Range<u16> = 12_000..30_000;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on, never the same twice in one process. Two processes start looking at different
/// places.
pub(crate) fn free() -> Result<u16> {
    let mut taken = TAKEN.lock().expect("no panic while it is held");
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    let width = u32::from(RANGE.end - RANGE.start);
    let start = process::id().wrapping_mul(7919).wrapping_add(nanos) % width;
    for step in 0..width {
        let offset = u16::try_from((start + step) % width).expect("the range is narrower than u16");
        let port = RANGE.start + offset;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse)).doing(|| "finding a free port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }
}
