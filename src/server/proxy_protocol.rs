//! The PROXY protocol, versions 1 and 2: a TCP load balancer says first who really calls. Believed from configured sources
//! only; from those it must be there.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Version 1 has 107 bytes at most; what load balancers add to version 2 has some hundred.
const LONGEST: usize = 1_024;
const LONGEST_LINE: usize = 107;
const V1_START: &[u8] = b"PROXY ";
/// `peek` sees the same bytes again at once: wait a little for more.
const MORE: Duration = Duration::from_millis(5);

/// The address that a connection comes from: its peer, or what a load balancer says of it. The caller bounds the time.
pub(super) async fn source(stream: &mut TcpStream, peer: IpAddr, balancers: &[IpNet]) -> io::Result<IpAddr> {
    let peer = peer.to_canonical();
    if !balancers.iter().any(|net| net.contains(&peer)) {
        return Ok(peer);
    }
    let mut bytes = [0; LONGEST];
    loop {
        let length = stream.peek(&mut bytes).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match parse(&bytes[..length]) {
            Parsed::Header { length, source } => {
                stream.read_exact(&mut bytes[..length]).await?;
                // A health check of the balancer's own names nobody.
                return Ok(source.map_or(peer, |source| source.to_canonical()));
            }
            Parsed::Incomplete if length < LONGEST => sleep(MORE).await,
            Parsed::Incomplete | Parsed::Wrong => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "no PROXY header from a load balancer",
                ));
            }
        }
    }
}

/// For fuzzers: bytes of the header, where there is a whole one.
#[cfg(fuzzing)]
pub fn read(bytes: &[u8]) -> Option<usize> {
    match parse(bytes) {
        Parsed::Header { length, .. } => Some(length),
        Parsed::Incomplete | Parsed::Wrong => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    /// Bytes that the header takes, and whom it names.
    Header {
        length: usize,
        source: Option<IpAddr>,
    },
    Incomplete,
    Wrong,
}

fn parse(bytes: &[u8]) -> Parsed {
    // A line of version 1 is looked at when it is whole: the parser takes some cut ones for wrong.
    let is_line = bytes.starts_with(V1_START) || V1_START.starts_with(bytes);
    if is_line && bytes.len() < LONGEST_LINE && !bytes.contains(&b'\n') {
        return Parsed::Incomplete;
    }
    let result = HeaderResult::parse(bytes);
    match &result {
        HeaderResult::V1(Ok(header)) => Parsed::Header {
            length: header.header.len(),
            source: match header.addresses {
                v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
                v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
                v1::Addresses::Unknown => None,
            },
        },
        HeaderResult::V2(Ok(header)) => Parsed::Header {
            length: header.len(),
            source: match (header.command, header.addresses) {
                (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
                (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Some(addresses.source_address.into()),
                _ => None,
            },
        },
        _ if result.is_incomplete() => Parsed::Incomplete,
        _ => Parsed::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";
    /// Version 2, PROXY, TCP over IPv4, 12 bytes of addresses.
    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x9c\x40\x01\xbb";

    #[test]
    fn both_versions_are_read_whatever_follows_and_cut_ones_are_waited_for() {
        let source = Some(IpAddr::from([192, 0, 2, 7]));
        for header in [V1, V2] {
            let whole = Parsed::Header { length: header.len(), source };
            assert_eq!(parse(header), whole);
            assert_eq!(parse(&[header, b"\x16\x03\x01\xff\xfe\r\n"].concat()), whole, "TLS follows");
            for cut in 1..header.len() {
                assert_eq!(parse(&header[..cut]), Parsed::Incomplete, "{cut}");
            }
        }
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Parsed::Header { length: 15, source: None });
    }

    #[test]
    fn everything_else_is_wrong() {
        for bytes in [&b"\x16\x03\x01\x02\0\x01"[..], b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 x y z\r\n"] {
            assert_eq!(parse(bytes), Parsed::Wrong, "{bytes:?}");
        }
    }
}
