//! A stream that says goodbye only to who is still there.
//!
//! A client that closes TCP without TLS's `close_notify`, as most do, is gone: writing to it brings back a reset, and costs
//! both hosts a packet. OpenSSL and nginx do not write then either. Who said `close_notify`, or half-closed, is answered.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug)]
pub(super) struct Parting<IO> {
    io: IO,
    /// Reading failed: nothing that is written arrives.
    is_gone: bool,
}

impl<IO> Parting<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, is_gone: false }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Parting<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        self.is_gone |= matches!(read, Poll::Ready(Err(_)));
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Parting<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_gone { Poll::Ready(Ok(())) } else { Pin::new(&mut self.io).poll_shutdown(context) }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// Reads nothing but an error, and counts how often it was shut down.
    struct Broken(usize);

    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    impl AsyncWrite for Broken {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0 += 1;
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn only_who_is_still_there_is_told_goodbye() {
        let mut gone = Parting::new(Broken(0));
        assert!(gone.read_u8().await.is_err());
        gone.shutdown().await.unwrap();
        assert_eq!(gone.io.0, 0);
        let mut untouched = Parting::new(Broken(0));
        untouched.shutdown().await.unwrap();
        assert_eq!(untouched.io.0, 1);
        // A peer that has only finished sending.
        let (near, mut far) = duplex(64);
        let mut near = Parting::new(near);
        far.shutdown().await.unwrap();
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
        near.write_all(b"answer").await.unwrap();
        near.shutdown().await.unwrap();
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "answer");
    }
}
