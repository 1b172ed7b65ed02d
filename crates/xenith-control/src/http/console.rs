//! A console over a WebSocket: binary frames both ways, the socket of the console role behind it. Errors come before the upgrade, as problems.

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::io;
use tokio::net::UnixStream;
use xenith_api::latest::{Code, Problem};

use super::answer;
use super::domains::{Core, blocking};

/// How much is read from a console at a time, in bytes.
const CHUNK: usize = 8192;

/// What a client asks for: an upgrade, or not.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(super) async fn attach(State(control): Core, Path(id): Path<String>, upgrade: Upgrade) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return answer::problem(&no_upgrade(&rejection)),
    };
    let stream = blocking(&control, move |control| control.attach_console(&id)).await;
    match stream.and_then(|stream| asynchronous(stream).map_err(|error| crate::problem::internal("console", error.to_string()))) {
        Ok(stream) => upgrade.on_upgrade(move |socket| proxy(socket, stream)),
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn log(State(control): Core, Path(id): Path<String>) -> Response {
    match blocking(&control, move |control| control.console_log(&id)).await {
        Ok(bytes) => answer::with_type(StatusCode::OK, "application/octet-stream", bytes),
        Err(fault) => answer::problem(&fault),
    }
}

fn no_upgrade(rejection: &WebSocketUpgradeRejection) -> Problem {
    let title = format!("a console is attached over a WebSocket: {rejection}");
    Problem::new(Code::BadRequest, "console", title, "use `xenith console`, or a WebSocket client")
}

fn asynchronous(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Carries bytes both ways until one side ends. One direction waits for the other: a viewer that does not read is not sent more.
async fn proxy(mut socket: WebSocket, stream: UnixStream) {
    let mut bytes = vec![0; CHUNK];
    loop {
        tokio::select! {
            readable = stream.readable() => match readable.and_then(|()| stream.try_read(&mut bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    let said = Bytes::copy_from_slice(bytes.get(..count).unwrap_or_default());
                    if socket.send(Message::Binary(said)).await.is_err() {
                        return;
                    }
                }
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(keys))) => if write_all(&stream, &keys).await.is_err() { break },
                Some(Ok(Message::Text(keys))) => if write_all(&stream, keys.as_bytes()).await.is_err() { break },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
    // A viewer that is gone as well needs no word.
    let end = CloseFrame { code: close_code::NORMAL, reason: "the console ended".into() };
    let _ = socket.send(Message::Close(Some(end))).await;
}

async fn write_all(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
