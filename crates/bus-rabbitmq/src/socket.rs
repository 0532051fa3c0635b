//! The broker's sockets: how they are connected, how long a silent peer is believed in, and how they are shut for good.
//!
//! lapin owns its sockets and sets nothing on them but `TCP_NODELAY`. It takes a connector of ours, however, so the
//! options are set between TCP's handshake and that of TLS, and a second handle is kept. Three things find a dead peer:
//!
//! - a peer that answers nothing (frozen, or behind a network that drops packets): lapin's heartbeat, after two of them;
//! - a peer whose kernel does not acknowledge what we wrote, or takes nothing more: `TCP_USER_TIMEOUT`, equally long.
//!   lapin's own thread may wait in a write then, and would not look at its heartbeat;
//! - a peer that is gone while nothing is under way: keepalive.
//!
//! Must never leave a socket open behind an attempt to connect that was given up: lapin's thread would wait on it.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Probes that a silent peer may leave unanswered.
const PROBES: u32 = 3;

/// A second handle to a socket of lapin's. Dropped before [`keep`](Self::keep), it shuts the socket.
#[derive(Debug, Default)]
pub(crate) struct SocketHandle(Mutex<Option<TcpStream>>);

impl SocketHandle {
    /// Ends the connection at once: wakes whoever reads from or writes to the socket, and has the kernel drop what is not
    /// sent yet.
    pub(crate) fn shut(&self) {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            // Errors mean that it is shut already.
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).ok();
            socket.shutdown(Shutdown::Both).ok();
        }
    }

    /// Takes a handle to a socket that has just been connected, and has the kernel give up a peer that is silent for so
    /// long.
    pub(crate) fn hold(&self, socket: &impl AsFd, silence_max: Duration) -> std::io::Result<()> {
        let socket = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
        bound(&socket, silence_max)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        Ok(())
    }
}

/// Shuts the socket of an attempt that is given up, at whatever point.
pub(crate) struct Attempt(Option<Arc<SocketHandle>>);

impl Attempt {
    pub(crate) fn new(handle: &Arc<SocketHandle>) -> Self {
        Self(Some(handle.clone()))
    }

    /// It has become a connection.
    pub(crate) fn succeeded(mut self) {
        self.0 = None;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.shut();
        }
    }
}

fn bound(socket: &TcpStream, silence_max: Duration) -> std::io::Result<()> {
    let socket = SockRef::from(socket);
    // The kernel counts in seconds.
    let probe_every = (silence_max / (PROBES + 1)).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(probe_every).with_interval(probe_every).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(silence_max))?;
    Ok(())
}

/// What every step of connecting says that took too long.
pub(crate) fn timed_out() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the broker does not answer")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    const SILENCE_MAX: Duration = Duration::from_secs(20);

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (socket, listener.accept().unwrap().0)
    }

    #[test]
    fn the_kernel_gives_up_a_silent_peer() {
        let (socket, _peer) = connected();
        SocketHandle::default().hold(&socket, SILENCE_MAX).unwrap();
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(5));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), PROBES);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(SILENCE_MAX));
    }

    #[test]
    fn an_attempt_that_is_given_up_leaves_no_socket_open() {
        for succeeds in [false, true] {
            // Held on, as lapin's thread would.
            let (socket, mut peer) = connected();
            let handle = Arc::new(SocketHandle::default());
            let attempt = Attempt::new(&handle);
            handle.hold(&socket, SILENCE_MAX).unwrap();
            if succeeds {
                attempt.succeeded();
            } else {
                drop(attempt);
            }
            peer.set_nonblocking(true).unwrap();
            let heard = peer.read(&mut [0; 1]);
            let is_open = heard.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            assert_eq!(is_open, succeeds, "{heard:?}");
        }
    }
}
