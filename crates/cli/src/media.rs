//! `waypost media`: files that customers sent, and files for them.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tonic::Status;
use waypost_proto::gateway_v1 as v1;
use waypost_proto::gateway_v1::media_service_client::MediaServiceClient;

use crate::failure::Failure;
use crate::named::number;
use crate::output;
use crate::server::{ServerArgs, connect, print_one};

/// Of a file, in one message.
const PIECE_BYTES: usize = 256 << 10;

#[derive(Debug, Subcommand)]
pub enum MediaCommand {
    /// Write a file that a customer sent
    Download(MediaDownloadArgs),
    /// Give WhatsApp a file to send; prints the id that `waypost send --image` and `--document` take
    Upload(MediaUploadArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost media download wamid.HBgLMzQ2MDAwMDAxMDcVAgASGBQzQTdD --number support-es --output invoice.pdf

WhatsApp keeps what a customer sent for 7 days. It is written to the audit log like the reading of a conversation.")]
pub struct MediaDownloadArgs {
    /// The customer's message, by its id (wamid)
    message_id: String,
    /// The number that it was written to
    #[arg(long, value_name = "NUMBER")]
    number: String,
    /// Where to write the file, which must not be there yet; - for standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost media upload menu.pdf --number support-es

It can be sent from this number for 30 days.")]
pub struct MediaUploadArgs {
    /// The file
    file: PathBuf,
    /// The number that it is to be sent from
    #[arg(long, value_name = "NUMBER")]
    number: String,
    /// As what it is to be sent; by the end of its name where left out
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<KindName>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The kinds as people write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    Image,
    Audio,
    Video,
    Document,
    Sticker,
}

impl KindName {
    /// Whatever is nothing else is a document.
    fn of(file: &Path) -> Self {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "jpg" | "jpeg" | "png" => Self::Image,
            "webp" => Self::Sticker,
            "mp4" | "3gp" => Self::Video,
            "mp3" | "ogg" | "opus" | "aac" | "amr" | "m4a" => Self::Audio,
            _ => Self::Document,
        }
    }

    const fn to_wire(self) -> v1::MediaKind {
        match self {
            Self::Image => v1::MediaKind::Image,
            Self::Audio => v1::MediaKind::Audio,
            Self::Video => v1::MediaKind::Video,
            Self::Document => v1::MediaKind::Document,
            Self::Sticker => v1::MediaKind::Sticker,
        }
    }
}

pub(crate) async fn run(command: MediaCommand) -> Result<(), Failure> {
    match command {
        MediaCommand::Download(args) => download(args).await,
        MediaCommand::Upload(args) => upload(args).await,
    }
}

async fn client(args: &ServerArgs) -> Result<MediaServiceClient, Failure> {
    Ok(MediaServiceClient::new(connect(args).await?))
}

async fn download(args: MediaDownloadArgs) -> Result<(), Failure> {
    use v1::download_media_response::Part;
    // Whoever cannot write has not read: it would be in the audit log.
    let mut target = Target::open(&args.output)?;
    let client = client(&args.server).await?;
    let request = v1::DownloadMediaRequest { number: number(&args.number), message_id: args.message_id.clone() };
    let mut parts = client.download_media(request).await?.into_inner();
    let mut file = v1::MediaFile::default();
    while let Some(part) = parts.next().await {
        match part?.part {
            Some(Part::File(head)) => file = head,
            Some(Part::Bytes(bytes)) => target.write(&bytes)?,
            Some(Part::End(end)) => {
                let to_file = args.output.as_os_str() != "-";
                target.close()?;
                return if to_file { print_download(&args, &file, &end) } else { Ok(()) };
            }
            None => {}
        }
    }
    Err(Failure::from(Status::unavailable("the file broke off")))
}

fn print_download(args: &MediaDownloadArgs, file: &v1::MediaFile, end: &v1::MediaEnd) -> Result<(), Failure> {
    let written = args.output.display().to_string();
    if args.server.json {
        let line = json!({
            "output": written,
            "mimeType": file.mime_type,
            "filename": file.filename,
            "sizeBytes": end.size_bytes.to_string(),
            "sha256": end.sha256,
        });
        return output::line(&line.to_string());
    }
    output::line(&format!("{written}: {}, {} bytes, SHA-256 {}", file.mime_type, end.size_bytes, end.sha256))
}

/// Where a file is written to. It gets its name when all of it came; until then it is beside it, and gone if that fails.
enum Target<'a> {
    Standard,
    File { at: &'a Path, part: PartFile },
}

/// Removed with this, unless it was given a name of its own.
struct PartFile {
    path: PathBuf,
    open: File,
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Err: it has its name.
        std::fs::remove_file(&self.path).ok();
    }
}

impl<'a> Target<'a> {
    fn open(at: &'a Path) -> Result<Self, Failure> {
        if at.as_os_str() == "-" {
            return Ok(Self::Standard);
        }
        if at.exists() {
            return Err(Failure::config(format!("--output: {}: is there already", at.display())));
        }
        let mut path = at.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        if path.exists() {
            let problem = "is left of a download that was broken off, or is being written: remove it";
            return Err(Failure::config(format!("--output: {}: {problem}", path.display())));
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        // It is a customer's.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let open = options.open(&path).map_err(|error| failed(&path, &error))?;
        Ok(Self::File { at, part: PartFile { path, open } })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File { at, part } => part.open.write_all(bytes).map_err(|error| failed(at, &error)),
            Self::Standard => std::io::stdout().write_all(bytes).map_err(|error| output::closed_pipe(&error)),
        }
    }

    fn close(self) -> Result<(), Failure> {
        match self {
            Self::File { at, part } => {
                part.open.sync_all().map_err(|error| failed(at, &error))?;
                std::fs::rename(&part.path, at).map_err(|error| failed(at, &error))
            }
            Self::Standard => std::io::stdout().flush().map_err(|error| output::closed_pipe(&error)),
        }
    }
}

fn failed(at: &Path, error: &std::io::Error) -> Failure {
    Failure::config(format!("--output: {}: {error}", at.display()))
}

async fn upload(args: MediaUploadArgs) -> Result<(), Failure> {
    use v1::upload_media_request::Part;
    let refused = |error| Failure::config(format!("{}: {error}", args.file.display()));
    let mut file = File::open(&args.file).map_err(refused)?;
    let size_bytes = file.metadata().map_err(refused)?.len();
    let kind = args.kind.unwrap_or_else(|| KindName::of(&args.file));
    let head = v1::MediaUpload {
        number: number(&args.number),
        kind: kind.to_wire().into(),
        mime_type: String::new(),
        filename: args.file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        size_bytes,
    };
    // Given a file that cannot be read to its end, then fewer bytes come than were said, and the server refuses it.
    let pieces = std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        Read::by_ref(&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).ok()?;
        (!piece.is_empty()).then_some(Part::Bytes(piece))
    });
    let parts = std::iter::once(Part::Upload(head)).chain(pieces);
    let requests = stream::iter(parts.map(|part| v1::UploadMediaRequest { part: Some(part) })).boxed();
    let kept = client(&args.server).await?.upload_media(requests).await?.into_inner();
    print_one(args.server.json, &kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("a.pdf");
        let names = || {
            let entries = std::fs::read_dir(folder.path()).expect("the folder");
            entries.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>()
        };
        let mut target = Target::open(&at).expect("a new file");
        target.write(b"half").expect("a write");
        assert_eq!(names(), ["a.pdf.part"]);
        drop(target);
        assert!(names().is_empty(), "what did not come whole");

        let mut target = Target::open(&at).expect("a new file");
        target.write(b"who").expect("a write");
        target.write(b"le").expect("a write");
        target.close().expect("a name");
        assert_eq!((names(), std::fs::read(&at).expect("the file")), (vec!["a.pdf".into()], b"whole".to_vec()));
        let is_refused = || {
            let refused = Target::open(&at).err().expect("something is there");
            refused.message().is_some_and(|message| message.starts_with("--output: "))
        };
        assert!(is_refused());
        assert_eq!(std::fs::read(&at).expect("the file"), b"whole");
        std::fs::rename(&at, folder.path().join("a.pdf.part")).expect("a leftover");
        assert!(is_refused());
    }

    #[test]
    fn what_a_file_is_sent_as_goes_by_its_name() {
        let kinds = [
            ("a.JPG", KindName::Image),
            ("a.webp", KindName::Sticker),
            ("a.m4a", KindName::Audio),
            ("a.3gp", KindName::Video),
            ("a.pdf", KindName::Document),
            ("a", KindName::Document),
        ];
        for (name, kind) in kinds {
            assert_eq!(KindName::of(Path::new(name)), kind, "{name}");
        }
    }
}
